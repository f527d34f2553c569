// Purpose:    write one tick: lock and compare the ledger, lock, compare and write nodes and links, consume stimuli, move the ledger
// Parameters: graph, fence, tick; ledger (map); ttl: seconds; energy_at; zero: 0;
//             nodes: chunks of columns by key: key, id (one text, `between` between any two), before, after;
//             rebased: keys whose energy_at changes; visited: ids of nodes, one for each stride that ended there, or [];
//             links: chunks of columns by key: key, source, target, before, after;
//             stats: list of maps; applied: entries of the queue; rejected: list of [entry, why]
// Returns:    nodes, links, applied: how many rows were there; one row, none where the ledger was not as it should be
// Raises:     ArithmeticError where a value is not the one sent as `before`. A property that is read on the right of the SET that
//             writes it is read under the entity's lock; in a WHERE it is not, and what others are just committing would be lost
// Plan:       seeks by keys; no label on the nodes, or the planner seeks them by their ids; no name in a chunk is that of a
//             property that is written, or it gathers all rows before it writes one
CYPHER 25
MATCH (l:Ledger {graph: $graph})
SET l.lock = $tick
WITH l WHERE l.fence = $fence AND l.tick = $tick - 1 AND l.phase = 'idle'
CALL () {
  UNWIND $nodes AS chunk
  WITH toIntegerList(chunk.key) AS key, split(chunk.id, $between) AS id,
       toFloatList(chunk.before) AS before, toFloatList(chunk.after) AS after
  UNWIND range(0, size(key) - 1) AS k
  MATCH (n)
  WHERE id(n) = key[k] AND n.id = id[k] AND n.graph = $graph
  SET n.energy = CASE coalesce(n.energy, 0.0) WHEN before[k] THEN after[k] ELSE 1 / $zero END
  RETURN count(n) AS nodes
}
CALL () {
  UNWIND $rebased AS rebased
  MATCH (n) WHERE id(n) = rebased
  SET n.energy_at = $energy_at
  RETURN count(n) AS moved
}
CALL () {
  UNWIND $visited AS ids
  CREATE (:Visits {graph: $graph, tick: $tick, ids: ids, between: $between})
  RETURN count(ids) AS noted
}
CALL () {
  UNWIND $links AS chunk
  WITH toIntegerList(chunk.key) AS key, toIntegerList(chunk.source) AS source, toIntegerList(chunk.target) AS target,
       toFloatList(chunk.before) AS before, toFloatList(chunk.after) AS after
  UNWIND range(0, size(key) - 1) AS k
  MATCH (a)-[r]->(b)
  WHERE id(r) = key[k] AND id(a) = source[k] AND id(b) = target[k]
  SET r.log_weight = CASE r.log_weight WHEN before[k] THEN after[k] ELSE 1 / $zero END
  RETURN count(r) AS links
}
CALL () {
  UNWIND $stats AS row
  MERGE (w:WeightStats {graph: $graph, type: row.type})
  SET w += row, w.updated_tick = $tick
  RETURN count(w) AS stats
}
CALL () {
  UNWIND $applied AS entry
  MATCH (s:Stimulus) WHERE id(s) = entry AND s.graph = $graph
  SET s:AppliedStimulus, s.tick = $tick, s.taken_at = datetime.realtime()
  REMOVE s:Stimulus
  RETURN count(s) AS applied
}
CALL () {
  UNWIND $rejected AS row
  MATCH (s:Stimulus) WHERE id(s) = row[0] AND s.graph = $graph
  SET s:RejectedStimulus, s.tick = $tick, s.taken_at = datetime.realtime(), s.why = row[1]
  REMOVE s:Stimulus
  RETURN count(s) AS rejected
}
SET l += $ledger, l.expires = datetime.realtime().epochMillis + toInteger($ttl * 1000)
RETURN nodes, links, applied
