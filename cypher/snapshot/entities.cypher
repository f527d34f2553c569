// Purpose:    read a graph's entities page by page, in ascending id
// Parameters: graph; first: the id that the page begins with; limit; more: whether their other properties are read too
// Returns:    rows: list of [id, more: list of [property, value]], one row
// Plan:       a seek in the index on (graph, id), in its order, no further than the page
CYPHER 5
MATCH (e:Entity)
WHERE e.graph = $graph AND e.id >= $first
WITH e ORDER BY e.graph, e.id LIMIT $limit // both, or the planner does not see that the index has the order
RETURN collect([e.id, CASE WHEN $more THEN [p IN keys(e) WHERE NOT p IN ['graph', 'id'] | [p, e[p]]] ELSE [] END]) AS rows
