// Purpose:    make links mere relationships again, with the `log_weight` that each had before, if any
// Parameters: graph, fence, key
// Returns:    returned: how many; one row, none where another holds the graph by now
// Plan:       a seek of the ledger by its unique key, and one by key each
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  UNWIND $key AS k
  MATCH ()-[r]->()
  WHERE id(r) = k AND r.stridegraph_adopted = $graph
  SET r.log_weight = r.stridegraph_before
  SET r.stridegraph_before = null, r.stridegraph_adopted = null
  RETURN count(r) AS returned
}
RETURN returned
