// Purpose:    delete a piece of a graph whose restoring broke off: nodes without an id once the others are gone
// Parameters: graph, fence; batch: most of each kind
// Returns:    deleted, one row: 0 once there is nothing left but the ledger; none where the ledger was not the restorer's
// Plan:       seeks in the indexes that begin with `graph`, no further than the batch; nodes without an id by a scan of the label
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  MATCH (n:Node) WHERE n.graph = $graph AND n.id IS NOT NULL
  WITH n LIMIT $batch
  DETACH DELETE n
  RETURN count(*) AS nodes
}
CALL (nodes) {
  WITH nodes WHERE nodes = 0
  MATCH (n:Node) WHERE n.graph = $graph
  WITH n LIMIT $batch
  DETACH DELETE n
  RETURN count(*) AS nameless
}
CALL () {
  MATCH (e:Entity) WHERE e.graph = $graph AND e.id IS NOT NULL
  WITH e LIMIT $batch
  DETACH DELETE e
  RETURN count(*) AS entities
}
CALL () {
  MATCH (s:Stimulus) WHERE s.graph = $graph AND s.created_at IS NOT NULL
  WITH s LIMIT $batch
  DETACH DELETE s
  RETURN count(*) AS waiting
}
CALL () {
  MATCH (a:AppliedStimulus) WHERE a.graph = $graph AND a.id IS NOT NULL
  WITH a LIMIT $batch
  DETACH DELETE a
  RETURN count(*) AS applied
}
RETURN nodes + nameless + entities + waiting + applied AS deleted
