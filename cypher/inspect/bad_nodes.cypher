// Purpose:    list nodes that the physics will not take as they are, and why
// Parameters: graph, energy_max, limit
// Returns:    count, rows: list of [what, identity, why], at most `limit`; one row
// Plan:       scans the label: a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph OR n.graph IS NULL
WITH n, CASE
  WHEN n.graph IS NULL THEN 'it has no graph: no worker sees it'
  WHEN n.id IS NULL THEN 'it has no id: no worker sees it'
  WHEN NOT n.id IS :: STRING THEN 'its id is not text: no worker sees it'
  WHEN NOT n.energy IS :: INTEGER | FLOAT THEN 'energy is not a number: quarantined'
  WHEN NOT n.energy - n.energy = 0.0 THEN 'energy is not finite: quarantined'
  WHEN n.energy < -1e-12 THEN 'energy is below 0: quarantined'
  WHEN n.energy > $energy_max THEN 'energy is over tick.energy_max: quarantined'
  WHEN NOT n.energy_at IS :: INTEGER | FLOAT THEN 'energy_at is not a number: quarantined'
  WHEN NOT n.energy_at - n.energy_at = 0.0 OR n.energy_at < 0 THEN 'energy_at is not a reading of the clock: quarantined'
  WHEN NOT n.threshold IS :: INTEGER | FLOAT THEN 'threshold is not a number: the type\'s is used'
  WHEN NOT n.threshold - n.threshold = 0.0 OR n.threshold <= 0 THEN 'threshold is not over 0: the type\'s is used'
  WHEN NOT n.type IS :: STRING THEN 'type is not text: * is used'
  WHEN NOT n.visits IS :: INTEGER | FLOAT THEN 'visits is not a number: 0 is used'
  WHEN NOT n.embedding IS :: LIST<INTEGER | FLOAT> THEN 'embedding is not a list of numbers: its term is 0'
  WHEN NOT n.emotion IS :: LIST<INTEGER | FLOAT> THEN 'emotion is not a list of numbers: its factor is 1'
END AS why
WHERE why IS NOT NULL
WITH why, coalesce(toStringOrNull(n.id), elementId(n)) AS identity
ORDER BY identity
RETURN count(*) AS count, collect(['node', identity, why])[..$limit] AS rows
