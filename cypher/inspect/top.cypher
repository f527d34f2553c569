// Purpose:    the nodes with most energy now: the exact formula of a node's energy at the clock's reading
// Parameters: graph, energy_max; clock: the ledger's decay_clock; half_life: map by type, with `*`; limit
// Returns:    id, type, label, energy, threshold (null: the type's): a row a node, most energy first, ties by id
// Plan:       scans the graph's part of the index on (graph, id): a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS :: STRING NOT NULL AND 0 < n.energy <= $energy_max
WITH n, CASE WHEN n.energy_at IS :: INTEGER | FLOAT THEN coalesce(n.energy_at, 0.0) END AS at,
     CASE WHEN n.type IS :: STRING NOT NULL THEN n.type ELSE '*' END AS type
WHERE 0 <= at <= $clock
WITH n, n.energy * 2.0 ^ (-($clock - at) / (coalesce($half_life[type], $half_life['*']) * CASE WHEN 1 <= n.retention <= 3 THEN n.retention ELSE 1 END)) AS energy
ORDER BY energy DESC, n.id LIMIT $limit
RETURN n.id AS id, CASE WHEN n.type IS :: STRING THEN n.type END AS type, CASE WHEN n.label IS :: STRING THEN n.label END AS label, energy,
       CASE WHEN n.threshold IS :: INTEGER | FLOAT THEN CASE WHEN n.threshold - n.threshold = 0.0 AND n.threshold > 0 THEN n.threshold END END AS threshold
