// Purpose:    one node: its energy now, by the exact formula at the clock's reading, and its heaviest links
// Parameters: graph, id, energy_max; clock: the ledger's decay_clock; half_life: map by type, with `*`; limit: of the links
// Returns:    id, type, label, energy (null: quarantined), threshold (null: the type's), visits, links (a list of
//             maps: target, its label, type, log_weight; heaviest first, ties by target), one row; none where there is no such node
// Plan:       one seek by the unique key, and its links
CYPHER 5
MATCH (n:Node {graph: $graph, id: $id})
CALL {
  WITH n
  MATCH (n)-[r]->(b:Node)
  WHERE b.graph = $graph AND r.log_weight IS :: INTEGER | FLOAT // and not by b.id: that would be a scan of its index
  WITH r, b ORDER BY r.log_weight DESC, b.id LIMIT $limit
  RETURN collect({target: b.id, label: CASE WHEN b.label IS :: STRING THEN b.label END, type: type(r), log_weight: r.log_weight}) AS links
}
WITH n, links, CASE WHEN n.energy IS :: INTEGER | FLOAT THEN coalesce(n.energy, 0.0) END AS given,
     CASE WHEN n.energy_at IS :: INTEGER | FLOAT THEN coalesce(n.energy_at, 0.0) END AS at,
     CASE WHEN n.type IS :: STRING NOT NULL THEN n.type ELSE '*' END AS type
RETURN n.id AS id, CASE WHEN n.type IS :: STRING THEN n.type END AS type, CASE WHEN n.label IS :: STRING THEN n.label END AS label,
       CASE WHEN coalesce(-1e-12 <= given <= $energy_max AND 0 <= at <= $clock, false)
         THEN CASE WHEN given > 0 THEN given * 2.0 ^ (-($clock - at) / (coalesce($half_life[type], $half_life['*']) * CASE WHEN 1 <= n.retention <= 3 THEN n.retention ELSE 1 END)) ELSE 0.0 END END AS energy,
       CASE WHEN n.threshold IS :: INTEGER | FLOAT THEN CASE WHEN n.threshold - n.threshold = 0.0 AND n.threshold > 0 THEN n.threshold END END AS threshold,
       CASE WHEN n.visits IS :: INTEGER THEN coalesce(n.visits, 0) ELSE 0 END AS visits, links
