// Purpose:    let the log-weights of the next links, by their source's id and their key, forget; and note how far it has come
// Parameters: graph, fence, tick; node, link: the last that has been done; batch: most links; mean, left: maps by link type;
//             ttl: seconds
// Returns:    node, link: the last of this batch, null where there was none left; one row, none where the ledger was not as it should be
// Plan:       a seek of the nodes from `node` on, in the order of their unique key, no further than the batch; an expand each
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $tick
WITH l WHERE l.fence = $fence AND l.tick = $tick AND l.phase = 'idle'
CALL {
  MATCH (n:Node) USING INDEX SEEK n:Node(graph, id) WHERE n.graph = $graph AND n.id >= $node
  MATCH (n)-[r]->(m:Node)
  WHERE m.graph = $graph AND n <> m AND $left[type(r)] IS NOT NULL AND (n.id > $node OR id(r) > $link)
    AND abs(CASE WHEN r.log_weight IS :: INTEGER | FLOAT THEN r.log_weight END) <= 1e100
  WITH n, r ORDER BY n.graph, n.id, id(r) LIMIT $batch // by graph too, or the planner does not see that the index has the order
  SET r.log_weight = $mean[type(r)] + (r.log_weight - $mean[type(r)]) * $left[type(r)]
  WITH n.id AS node, id(r) AS link ORDER BY node DESC, link DESC LIMIT 1
  RETURN collect(node) AS nodes, collect(link) AS links
}
SET l.forgetting = coalesce(nodes[0], l.forgetting), l.forgetting_link = coalesce(links[0], l.forgetting_link),
    l.expires = datetime.realtime().epochMillis + toInteger($ttl * 1000)
RETURN nodes[0] AS node, links[0] AS link
