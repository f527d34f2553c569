// Purpose:    read the kept statistics of log-weights
// Parameters: graph
// Returns:    type, n, mean, std: a row a type
// Plan:       a seek in the index on (graph, type)
CYPHER 5
MATCH (w:WeightStats)
WHERE w.graph = $graph AND w.type IS NOT NULL
RETURN w.type AS type, w.n AS n, w.mean AS mean, w.std AS std
