// Purpose:    create memberships of a snapshot
// Parameters: graph, fence; node, entity (keys), properties (maps): columns
// Returns:    created: how many ends were there; one row, none where the ledger was not the restorer's
// Plan:       a seek by key for each end
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  UNWIND range(0, size($node) - 1) AS k
  MATCH (n:Node) WHERE id(n) = $node[k] AND n.graph = $graph
  CALL (k) { // by itself, or the planner multiplies the two
    MATCH (e:Entity) WHERE id(e) = $entity[k] AND e.graph = $graph
    RETURN e
  }
  CREATE (n)-[m:MEMBER_OF]->(e)
  SET m = $properties[k]
  RETURN count(m) AS created
}
RETURN created
