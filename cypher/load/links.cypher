// Purpose:    read the out-links of nodes, to nodes of the same graph
// Parameters: graph, keys
// Returns:    source, target, key, type, log_weight, emotion: columns, one row
// Plan:       a seek by key and an expand each
CYPHER 5
UNWIND $keys AS k
MATCH (n:Node)-[r]->(m:Node)
WHERE id(n) = k AND n.graph = $graph AND m.graph = $graph AND r.log_weight IS NOT NULL
RETURN collect(id(n)) AS source, collect(id(m)) AS target, collect(id(r)) AS key, collect(type(r)) AS type,
       collect(r.log_weight) AS log_weight, collect(coalesce(r.emotion, [])) AS emotion
