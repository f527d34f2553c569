// Purpose:    create nodes of a snapshot in a graph that nobody ticks yet
// Parameters: graph, fence; properties: maps
// Returns:    keys: list of [place, key]; one row, none where the ledger was not the restorer's
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  UNWIND range(0, size($properties) - 1) AS k
  CREATE (n:Node {graph: $graph})
  SET n += $properties[k]
  RETURN collect([k, id(n)]) AS keys
}
RETURN keys
