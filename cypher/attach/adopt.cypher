// Purpose:    write what attaching has found: the books, and the statistics of log-weights
// Parameters: graph, fence; ledger (map); stats: list of maps with type, n, mean, std; types: those of stats
// Returns:    fence, one row; none where the fence was raised
// Plan:       seeks by unique keys
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
SET l += $ledger
WITH l
CALL {
  UNWIND $stats AS row
  MERGE (w:WeightStats {graph: $graph, type: row.type})
  SET w += row, w.updated_tick = $ledger.tick
  RETURN count(w) AS kept
}
CALL {
  MATCH (w:WeightStats)
  WHERE w.graph = $graph AND w.type IS NOT NULL AND NOT w.type IN $types
  DETACH DELETE w
  RETURN count(w) AS dropped
}
RETURN l.fence AS fence
