// Purpose:    count a graph and its energy as they stand in the database
// Parameters: graph, energy_max; clock: the ledger's decay_clock; half_life, threshold: maps by type, with `*`
// Returns:    nodes, quarantined, energy_total, active, one row
// Plan:       scans the graph's part of the index on (graph, id): a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS :: STRING NOT NULL
WITH n, CASE WHEN n.energy IS :: INTEGER | FLOAT THEN coalesce(n.energy, 0.0) END AS given,
     CASE WHEN n.energy_at IS :: INTEGER | FLOAT THEN coalesce(n.energy_at, 0.0) END AS at,
     CASE WHEN n.type IS :: STRING NOT NULL THEN n.type ELSE '*' END AS type,
     CASE WHEN n.threshold IS :: INTEGER | FLOAT THEN CASE WHEN n.threshold - n.threshold = 0.0 AND n.threshold > 0 THEN n.threshold END END AS own
WITH n, type, own, given, at, coalesce(-1e-12 <= given <= $energy_max AND 0 <= at <= $clock, false) AS sound
WITH sound, coalesce(own, $threshold[type], $threshold['*']) AS threshold, CASE WHEN sound AND given > 0
  THEN given * 2.0 ^ (-($clock - at) / (coalesce($half_life[type], $half_life['*']) * CASE WHEN 1 <= n.retention <= 3 THEN n.retention ELSE 1 END)) ELSE 0.0 END AS energy
RETURN count(*) AS nodes, count(CASE WHEN NOT sound THEN 1 END) AS quarantined, coalesce(sum(energy), 0.0) AS energy_total,
       count(CASE WHEN sound AND energy >= threshold THEN 1 END) AS active
