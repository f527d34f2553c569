// Purpose:    read the log-weights of all links by link type, to count their statistics: not here, since the order of a sum
//             shows in its last bits
// Parameters: graph
// Returns:    type, weights (list): a row a type
// Plan:       scans the graph's part of the index on (graph, id), and expands: when a worker attaches, and now and then
CYPHER 5
MATCH (a:Node)-[r]->(b:Node)
WHERE a.graph = $graph AND a.id IS NOT NULL AND b.graph = $graph AND a <> b
WITH type(r) AS type, CASE WHEN r.log_weight IS :: INTEGER | FLOAT THEN toFloat(r.log_weight) END AS w
WHERE w - w = 0.0
RETURN type, collect(w) AS weights
