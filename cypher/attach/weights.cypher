// Purpose:    count the statistics of the log-weights of all links, by link type
// Parameters: graph
// Returns:    type, n, mean, std: a row a type
// Plan:       scans the graph's part of the index on (graph, id), and expands: when a worker attaches, and now and then
CYPHER 5
MATCH (a:Node)-[r]->(b:Node)
WHERE a.graph = $graph AND a.id IS NOT NULL AND b.graph = $graph AND a <> b
WITH type(r) AS type, CASE WHEN r.log_weight IS :: INTEGER | FLOAT THEN toFloat(r.log_weight) END AS w
WHERE w - w = 0.0
RETURN type, count(w) AS n, avg(w) AS mean, stDevP(w) AS std
