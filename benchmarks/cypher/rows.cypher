// Purpose:    a whole graph row by row, as a client reads it that holds nothing to be slow
// Parameters: graph
// Returns:    source, target, key, type, log_weight: a row a link
// Plan:       scans the graph's part of the index on (graph, id), and expands
CYPHER 5
MATCH (a:Node {graph: $graph})-[r]->(b:Node)
RETURN id(a) AS source, id(b) AS target, id(r) AS key, type(r) AS type, r.log_weight AS log_weight
