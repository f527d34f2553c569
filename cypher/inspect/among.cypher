// Purpose:    the links among some nodes, the heaviest of each
// Parameters: graph, ids; looked: at how many links of a node it looks, whichever come first; limit: of those of a node
// Returns:    source, links (a list of maps: target, type, log_weight; heaviest first, ties by target): a row a node that has any
// Plan:       a seek by the unique key for each node, and its first links
CYPHER 5
UNWIND $ids AS id
MATCH (a:Node {graph: $graph, id: id})
CALL {
  WITH a
  MATCH (a)-[r]->(b)
  WITH r, b LIMIT $looked
  WITH r, b WHERE b:Node AND b.graph = $graph AND b.id IN $ids AND r.log_weight IS :: INTEGER | FLOAT
  WITH r, b ORDER BY r.log_weight DESC, b.id LIMIT $limit
  RETURN collect({target: b.id, type: type(r), log_weight: r.log_weight}) AS links
}
WITH a, links WHERE size(links) > 0
RETURN a.id AS source, links
