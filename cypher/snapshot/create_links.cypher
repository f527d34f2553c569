// Purpose:    create relationships of a snapshot, in their order
// Parameters: graph, fence; source, target (keys), type, properties (maps): columns
// Returns:    created: how many ends were there; one row, none where the ledger was not the restorer's
// Plan:       a seek by key for each end
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  UNWIND range(0, size($source) - 1) AS k
  MATCH (a:Node) WHERE id(a) = $source[k] AND a.graph = $graph
  CALL (k) { // by itself, or the planner multiplies the two
    MATCH (b:Node) WHERE id(b) = $target[k] AND b.graph = $graph
    RETURN b
  }
  CREATE (a)-[r:$($type[k])]->(b)
  SET r = $properties[k]
  RETURN count(r) AS created
}
RETURN created
