// Purpose:    read the links that go out of nodes whose id is there and no text: they never stride, and are counted (attach/weights)
// Parameters: graph
// Returns:    key, type, log_weight: columns, one row
// Plan:       scans the graph's part of the index on (graph, id), and expands
CYPHER 5
MATCH (a:Node)
WHERE a.graph = $graph AND a.id IS NOT NULL AND NOT a.id IS :: STRING NOT NULL
MATCH (a)-[r]->(b:Node)
WHERE b.graph = $graph AND a <> b AND r.log_weight IS NOT NULL
RETURN collect(id(r)) AS key, collect(type(r)) AS type, collect(r.log_weight) AS log_weight
