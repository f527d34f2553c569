// Purpose:    write one tick: lock and compare the ledger, compare and write nodes and links, consume stimuli, close the ledger
// Parameters: graph, fence, tick; ledger (map); ttl: seconds; energy_at;
//             node, id, before, energy: columns of nodes by key; rebased: keys whose energy_at changes;
//             visited, visits: columns by key; link, source, target, link_before, log_weight: columns of links by key;
//             stats: list of maps; applied: entries of the queue; rejected: list of [entry, why]
// Returns:    nodes, links, applied: how many rows were as they should be; one row, none where the ledger was not
// Plan:       seeks by keys; no label on the nodes, or the planner seeks them by their ids: 1.3 × slower
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $tick
WITH l WHERE l.fence = $fence AND l.tick = $tick - 1 AND l.phase = 'idle'
CALL {
  UNWIND range(0, size($node) - 1) AS k
  MATCH (n)
  WHERE id(n) = $node[k] AND n.id = $id[k] AND n.graph = $graph AND coalesce(n.energy, 0.0) = $before[k]
  SET n.energy = $energy[k]
  RETURN count(n) AS nodes
}
CALL {
  UNWIND $rebased AS key
  MATCH (n) WHERE id(n) = key
  SET n.energy_at = $energy_at
  RETURN count(n) AS rebased
}
CALL {
  UNWIND range(0, size($visited) - 1) AS k
  MATCH (n) WHERE id(n) = $visited[k]
  SET n.visits = $visits[k]
  RETURN count(n) AS visited
}
CALL {
  UNWIND range(0, size($link) - 1) AS k
  MATCH (a)-[r]->(b)
  WHERE id(r) = $link[k] AND id(a) = $source[k] AND id(b) = $target[k] AND r.log_weight = $link_before[k]
  SET r.log_weight = $log_weight[k]
  RETURN count(r) AS links
}
CALL {
  UNWIND $stats AS row
  MERGE (w:WeightStats {graph: $graph, type: row.type})
  SET w += row, w.updated_tick = $tick
  RETURN count(w) AS stats
}
CALL {
  UNWIND $applied AS entry
  MATCH (s:Stimulus) WHERE id(s) = entry AND s.graph = $graph
  SET s:AppliedStimulus, s.tick = $tick
  REMOVE s:Stimulus
  RETURN count(s) AS applied
}
CALL {
  UNWIND $rejected AS row
  MATCH (s:Stimulus) WHERE id(s) = row[0] AND s.graph = $graph
  SET s:RejectedStimulus, s.tick = $tick, s.why = row[1]
  REMOVE s:Stimulus
  RETURN count(s) AS rejected
}
SET l += $ledger, l.expires = datetime.realtime().epochMillis + toInteger($ttl * 1000)
RETURN nodes, links, applied
