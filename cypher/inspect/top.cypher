// Purpose:    the nodes with most energy now: the exact formula of a node's energy at the clock's reading
// Parameters: graph; clock: the ledger's decay_clock; half_life: map by type, with `*`; limit
// Returns:    id, type, label, energy, threshold (null: the type's): a row a node, most energy first, ties by id
// Plan:       scans the graph's part of the index on (graph, id): a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS NOT NULL AND n.energy > 0
WITH n, n.energy * 2.0 ^ (-($clock - coalesce(n.energy_at, 0.0)) / coalesce($half_life[n.type], $half_life['*'])) AS energy
ORDER BY energy DESC, n.id LIMIT $limit
RETURN n.id AS id, n.type AS type, n.label AS label, energy, n.threshold AS threshold
