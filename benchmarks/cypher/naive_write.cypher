// Purpose:    what a naive client writes: energies by the nodes' ids, log-weights by the links' ends and numbers
// Parameters: graph; nodes: maps of id, energy; links: maps of source, target, number, log_weight
// Returns:    nodes, links: how many were written; one row
// Plan:       a seek by unique id each
CYPHER 5
CALL {
  UNWIND $nodes AS row
  MATCH (n:Node {graph: $graph, id: row.id})
  SET n.energy = row.energy
  RETURN count(n) AS nodes
}
CALL {
  UNWIND $links AS row
  MATCH (:Node {graph: $graph, id: row.source})-[r:LINK {number: row.number}]->(:Node {graph: $graph, id: row.target})
  SET r.log_weight = row.log_weight
  RETURN count(r) AS links
}
RETURN nodes, links
