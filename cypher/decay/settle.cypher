// Purpose:    write out decayed energies as of an epoch, and book what the floor took
// Parameters: graph, fence, tick; ledger (map); energy_at; node, id, before, energy: columns of nodes by key
// Returns:    nodes: how many rows were as they should be; one row, none where the ledger was not
// Plan:       seeks by keys; no label on the nodes, or the planner seeks them by their ids
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $tick
WITH l WHERE l.fence = $fence AND l.tick = $tick AND l.phase = 'idle'
CALL {
  UNWIND range(0, size($node) - 1) AS k
  MATCH (n)
  WHERE id(n) = $node[k] AND n.id = $id[k] AND n.graph = $graph AND coalesce(n.energy, 0.0) = $before[k]
  SET n.energy = $energy[k], n.energy_at = $energy_at
  RETURN count(n) AS nodes
}
SET l += $ledger
RETURN nodes
