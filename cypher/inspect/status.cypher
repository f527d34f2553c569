// Purpose:    count a graph and its energy as they stand in the database
// Parameters: graph; clock: the ledger's decay_clock; half_life, threshold: maps by type, with `*`
// Returns:    nodes, energy_total, active, one row
// Plan:       scans the graph's part of the index on (graph, id): a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS NOT NULL
WITH n, CASE WHEN n.energy IS :: INTEGER | FLOAT AND n.energy > 0
  THEN n.energy * 2.0 ^ (-($clock - coalesce(n.energy_at, 0.0)) / coalesce($half_life[n.type], $half_life['*'])) ELSE 0.0 END AS energy
RETURN count(n) AS nodes, coalesce(sum(energy), 0.0) AS energy_total,
       count(CASE WHEN energy >= coalesce(n.threshold, $threshold[n.type], $threshold['*']) THEN 1 END) AS active
