// Purpose:    the server's own scan of the same: every link's ends, type and log-weight are read, and nothing is sent
// Parameters: graph
// Returns:    links, weight, types, ends: one row
// Plan:       scans the graph's part of the index on (graph, id), and expands
CYPHER 5
MATCH (a:Node {graph: $graph})-[r]->(b:Node)
RETURN count(r) AS links, sum(r.log_weight) AS weight, count(DISTINCT type(r)) AS types, max(id(a) + id(b) + id(r)) AS ends
