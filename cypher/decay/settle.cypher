// Purpose:    write out decayed energies as of an epoch, and book what the floor took
// Parameters: graph, fence, tick; ledger (map); energy_at; nodes: chunks of columns by key: key, id (one
//             text, `between` between any two), before, after; retained, factor: keys of some of these nodes, and how much longer than their type each
//             keeps its energy (null: no longer); zero: 0
// Returns:    nodes: how many rows were there; one row, none where the ledger was not as it should be
// Raises:     ArithmeticError where a value is not the one sent as `before` (see commit/apply)
// Plan:       seeks by keys; no label on the nodes, or the planner seeks them by their ids; no name in a chunk is that of a
//             property that is written, or it gathers all rows before it writes one
CYPHER 25
MATCH (l:Ledger {graph: $graph})
SET l.lock = $tick
WITH l WHERE l.fence = $fence AND l.tick = $tick AND l.phase = 'idle'
CALL () {
  UNWIND $nodes AS chunk
  WITH toIntegerList(chunk.key) AS key, split(chunk.id, $between) AS id,
       toFloatList(chunk.before) AS before, toFloatList(chunk.after) AS after
  UNWIND range(0, size(key) - 1) AS k
  MATCH (n)
  WHERE id(n) = key[k] AND n.id = id[k] AND n.graph = $graph
  SET n.energy = CASE coalesce(n.energy, 0.0) WHEN before[k] THEN after[k] ELSE 1 / $zero END, n.energy_at = $energy_at
  RETURN count(n) AS nodes
}
CALL () {
  UNWIND range(0, size($retained) - 1) AS k
  MATCH (n) WHERE id(n) = $retained[k]
  SET n.retention = $factor[k]
  RETURN count(n) AS retained
}
SET l += $ledger
RETURN nodes
