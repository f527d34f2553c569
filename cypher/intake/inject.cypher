// Purpose:    append a stimulus to the queue, unless one of its id is there or was applied already
// Parameters: graph, id, source; nodes: ids of all nodes that it is for; properties (map): node and delta, or budget,
//             candidates and similarity
// Returns:    unknown (those of the nodes that are not there), applied (the id was), created (this call appended it), one row
// Plan:       seeks by unique keys
CYPHER 5
UNWIND $nodes AS node
OPTIONAL MATCH (n:Node {graph: $graph, id: node})
WITH collect(CASE WHEN n IS NULL THEN node END) AS unknown
OPTIONAL MATCH (a:AppliedStimulus {graph: $graph, id: $id})
CALL {
  WITH unknown, a
  WITH unknown, a WHERE size(unknown) = 0 AND a IS NULL
  MERGE (s:Stimulus {graph: $graph, id: $id})
  ON CREATE SET s += $properties, s.source = $source, s.created_at = datetime.realtime(), s.fresh = true
  WITH s, s.fresh AS fresh
  REMOVE s.fresh
  RETURN count(CASE WHEN fresh THEN 1 END) AS created
}
RETURN unknown, a IS NOT NULL AS applied, created > 0 AS created
