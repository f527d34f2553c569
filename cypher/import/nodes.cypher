// Purpose:    create the nodes that are not there yet; those that are stay as they are
// Parameters: graph; id, properties (maps): columns, every id once; `properties` may be empty
// Returns:    created, one row
// Plan:       a seek by unique key each; it locks the key, so that two imports cannot create the same node
CYPHER 5
OPTIONAL MATCH (l:Ledger {graph: $graph})
WITH coalesce(l.decay_clock, 0.0) AS clock
CALL (clock) {
  UNWIND range(0, size($id) - 1) AS k
  OPTIONAL MATCH (n:Node {graph: $graph, id: $id[k]})
  WITH clock, k WHERE n IS NULL
  // an energy is given for now: without `energy_at` it would be taken as of when the graph began
  CREATE (new:Node {graph: $graph, id: $id[k], energy_at: CASE WHEN clock > 0 AND $properties[k].energy > 0 THEN clock END})
  FOREACH (map IN $properties[k..k + 1] | SET new += map)
  RETURN count(*) AS created
}
RETURN created
