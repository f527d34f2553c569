// Purpose:    a graph's links in columns, to give the same to programs that hold it themselves
// Parameters: graph
// Returns:    source, target (ids), log_weight, key: columns in ascending key; one row
// Plan:       scans the graph's part of the index on (graph, id), and expands
CYPHER 5
MATCH (a:Node {graph: $graph})-[r]->(b:Node)
WITH a, b, r ORDER BY id(r)
RETURN collect(a.id) AS source, collect(b.id) AS target, collect(r.log_weight) AS log_weight, collect(id(r)) AS key
