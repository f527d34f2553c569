// Purpose:    read nodes by their keys
// Parameters: graph, keys
// Returns:    rows: list of [key, id, type, energy, energy_at, threshold, visits, embedding, emotion], one row
// Plan:       a seek by key each
CYPHER 5
UNWIND $keys AS key
MATCH (n:Node)
WHERE id(n) = key AND n.graph = $graph
RETURN collect([id(n), n.id, n.type, n.energy, n.energy_at, n.threshold, n.visits, n.embedding, n.emotion]) AS rows
