// Purpose:    list nodes that the physics will not take as they are, and why
// Parameters: graph, energy_max, limit; clock: the ledger's decay_clock; goal, affect: how many numbers an embedding and an
//             emotion are compared with (0: none)
// Returns:    count, rows: list of [what, identity, why], at most `limit`; one row
// Plan:       scans the label: a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph OR n.graph IS NULL
CALL {
  WITH n
  UNWIND [CASE
    WHEN n.graph IS NULL THEN 'it has no graph: no worker sees it'
    WHEN n.id IS NULL THEN 'it has no id: no worker sees it'
    WHEN NOT n.id IS :: STRING THEN 'its id is not text: no worker sees it'
    WHEN NOT n.energy IS :: INTEGER | FLOAT THEN 'energy is not a number: quarantined'
    WHEN NOT n.energy - n.energy = 0.0 THEN 'energy is not finite: quarantined'
    WHEN n.energy < -1e-12 THEN 'energy is below 0: quarantined'
    WHEN n.energy > $energy_max THEN 'energy is over tick.energy_max: quarantined'
    WHEN NOT n.energy_at IS :: INTEGER | FLOAT THEN 'energy_at is not a number: quarantined'
    WHEN NOT n.energy_at - n.energy_at = 0.0 OR n.energy_at < 0 THEN 'energy_at is not a reading of the clock: quarantined'
    WHEN n.energy_at > $clock THEN 'energy_at is a reading that the clock has not reached: quarantined'
  END, CASE
    WHEN NOT n.threshold IS :: INTEGER | FLOAT THEN 'threshold is not a number: the type\'s is used'
    WHEN NOT n.threshold - n.threshold = 0.0 OR n.threshold <= 0 THEN 'threshold is not over 0: the type\'s is used'
  END, CASE
    WHEN NOT n.type IS :: STRING THEN 'type is not text: * is used'
  END, CASE
    WHEN NOT n.visits IS :: INTEGER | FLOAT THEN 'visits is not a number: 0 is used'
    WHEN NOT 0 <= n.visits < 1e15 THEN 'visits is no count: 0 is used'
  END, CASE
    WHEN NOT n.retention IS :: INTEGER | FLOAT THEN 'retention is not a number: 1 is used'
    WHEN NOT 1 <= n.retention <= 3 THEN 'retention is not from 1 to 3: 1 is used'
  END, CASE
    WHEN NOT n.embedding IS :: LIST<INTEGER> | LIST<FLOAT> THEN 'embedding is not a list of numbers: its term is 0'
    WHEN any(x IN n.embedding WHERE NOT x - x = 0.0) THEN 'embedding has a number that is not finite: its term is 0'
    WHEN $goal > 0 AND size(n.embedding) > 0 AND size(n.embedding) <> $goal
      THEN 'embedding has another length than the goal: its term is 0'
  END, CASE
    WHEN NOT n.emotion IS :: LIST<INTEGER> | LIST<FLOAT> THEN 'emotion is not a list of numbers: its factor is 1'
    WHEN any(x IN n.emotion WHERE NOT x - x = 0.0) THEN 'emotion has a number that is not finite: its factor is 1'
    WHEN $affect > 0 AND size(n.emotion) > 0 AND size(n.emotion) <> $affect
      THEN 'emotion has another length than the affect: its factor is 1'
  END] AS why
  WITH why WHERE why IS NOT NULL
  RETURN why
}
WITH why, coalesce(toStringOrNull(n.id), elementId(n)) AS identity
ORDER BY identity, why
RETURN count(*) AS count, collect(['node', identity, why])[..$limit] AS rows
