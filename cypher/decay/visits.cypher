// Purpose:    give nodes the visits that commits have noted, and drop the notes
// Parameters: graph, fence; id, visits: columns, ascending by id
// Returns:    notes: how many were dropped; one row, none where the ledger was not this worker's
// Plan:       seeks of nodes by their unique key, of :Visits by its index
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = l.tick
WITH l WHERE l.fence = $fence
CALL {
  UNWIND range(0, size($id) - 1) AS k
  MATCH (n:Node {graph: $graph, id: $id[k]})
  SET n.visits = coalesce(CASE WHEN 0 < n.visits < 1e15 THEN toIntegerOrNull(n.visits) END, 0) + $visits[k]
  RETURN count(n) AS nodes
}
CALL {
  MATCH (v:Visits {graph: $graph})
  DELETE v
  RETURN count(v) AS notes
}
RETURN notes
