// Purpose:    read all relationships from some nodes to nodes of the same graph: links, and those without a `log_weight`
// Parameters: graph, keys; known: properties that have a place of their own; more: whether all others are read too
// Returns:    source, target (-1: it has no id that is text), key, type, log_weight ([]: none), emotion ([]: none), more (list of
//             [property, value]): columns, one row
// Plan:       a seek by key and an expand each
CYPHER 5
UNWIND $keys AS k
MATCH (n:Node)
WHERE id(n) = k AND n.graph = $graph
MATCH (n)-[r]->(m:Node)
WHERE m.graph = $graph AND NOT (type(r) = 'MEMBER_OF' AND r.log_weight IS NULL) // those stand with their node
RETURN collect(k) AS source, collect(CASE WHEN m.id IS :: STRING NOT NULL THEN id(m) ELSE -1 END) AS target,
       collect(id(r)) AS key, collect(type(r)) AS type, collect(coalesce(r.log_weight, [])) AS log_weight,
       collect(coalesce(r.emotion, [])) AS emotion,
       collect(CASE WHEN $more THEN [p IN keys(r) WHERE NOT p IN $known | [p, r[p]]] ELSE [] END) AS more
