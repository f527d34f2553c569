// Purpose:    create the queue of a snapshot, in its order
// Parameters: graph, fence; properties: maps; created_at: texts, or null where one of them is no moment: then their order is
//             their time; known: ids that were applied before
// Returns:    created; one row, none where the ledger was not the restorer's
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  UNWIND range(0, size($properties) - 1) AS k
  CREATE (s:Stimulus {graph: $graph})
  SET s += $properties[k],
      s.created_at = CASE WHEN $created_at IS NULL THEN datetime({epochSeconds: k}) ELSE datetime($created_at[k]) END
  RETURN count(s) AS created
}
CALL () {
  UNWIND $known AS id
  CREATE (a:AppliedStimulus {graph: $graph, id: id, taken_at: datetime.realtime()})
  RETURN count(a) AS applied
}
RETURN created
