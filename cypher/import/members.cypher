// Purpose:    create the entities and memberships that are not there yet; those that are stay as they are
// Parameters: graph; node (keys), node_id, entity (ids), properties (maps): columns, each pair of node and entity once
// Returns:    created, one row; none, and nothing written, where a node is not what its key and id say
// Plan:       a seek by key and one by unique key each; merging locks both ends, so that two imports cannot create the same
CYPHER 5
CALL () {
  UNWIND range(0, size($node) - 1) AS k
  MATCH (n) WHERE id(n) = $node[k] AND n.id = $node_id[k] AND n.graph = $graph
  RETURN collect(n) AS nodes
}
WITH nodes WHERE size(nodes) = size($node)
CALL (nodes) {
  UNWIND range(0, size(nodes) - 1) AS k
  MERGE (e:Entity {graph: $graph, id: $entity[k]})
  WITH k, nodes[k] AS n, e
  MERGE (n)-[m:MEMBER_OF]->(e)
  ON CREATE SET m = $properties[k], m.fresh = true
  WITH m, m.fresh AS fresh
  REMOVE m.fresh
  RETURN count(fresh) AS created
}
RETURN created
