// Purpose:    find ids that begin like one that is not there
// Parameters: graph, prefix, limit
// Returns:    id: a row a node, in ascending id
// Plan:       a seek in the index on (graph, id), in its order, no further than the limit
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id STARTS WITH $prefix
WITH n ORDER BY n.graph, n.id LIMIT $limit
RETURN n.id AS id
