// Purpose:    take from nodes what their adoption added, and what a worker wrote
// Parameters: graph, fence, key
// Returns:    returned: how many; one row, none where another holds the graph by now
// Plan:       a seek of the ledger by its unique key, and one by key each
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  UNWIND $key AS k
  MATCH (n)
  WHERE id(n) = k AND n.graph = $graph AND n.stridegraph_adopted IS NOT NULL
  WITH n, split(n.stridegraph_adopted, ' ') AS added
  SET n.energy = null, n.energy_at = null, n.visits = null, n.retention = null, n.stridegraph_adopted = null,
      n.graph = CASE WHEN NOT 'graph' IN added THEN n.graph END, n.id = CASE WHEN NOT 'id' IN added THEN n.id END,
      n.type = CASE WHEN NOT 'type' IN added THEN n.type END
  FOREACH (_ IN CASE WHEN 'Node' IN added THEN [1] ELSE [] END | REMOVE n:Node)
  RETURN count(n) AS returned
}
RETURN returned
