// Purpose:    append a stimulus to the queue, unless one of its id is there or was applied already
// Parameters: graph, id, node, delta, source
// Returns:    known (the node is there), applied (the id was), created (this call appended it), one row
// Plan:       seeks by unique keys
CYPHER 5
OPTIONAL MATCH (n:Node {graph: $graph, id: $node})
OPTIONAL MATCH (a:AppliedStimulus {graph: $graph, id: $id})
CALL {
  WITH n, a
  WITH n, a WHERE n IS NOT NULL AND a IS NULL
  MERGE (s:Stimulus {graph: $graph, id: $id})
  ON CREATE SET s.node = $node, s.delta = $delta, s.source = $source, s.created_at = datetime.realtime(), s.fresh = true
  WITH s, s.fresh AS fresh
  REMOVE s.fresh
  RETURN count(CASE WHEN fresh THEN 1 END) AS created
}
RETURN n IS NOT NULL AS known, a IS NOT NULL AS applied, created > 0 AS created
