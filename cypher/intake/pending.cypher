// Purpose:    read the oldest stimuli of the queue, with the nodes each is for and whether its id was applied before
// Parameters: graph, limit
// Returns:    entry, id, node, delta, source, key (null: no such node), known, budget, candidates, similarity, keys (of the
//             candidates, -1: no such node): a row a stimulus, oldest first, ties by id
// Plan:       the index on (graph, created_at), in its order and no further than the limit; seeks by unique keys
CYPHER 5
MATCH (s:Stimulus)
WHERE s.graph = $graph AND s.created_at IS NOT NULL
WITH s ORDER BY s.graph, s.created_at, s.id LIMIT $limit // by graph too, or the planner does not see that the index has the order
OPTIONAL MATCH (n:Node {graph: $graph, id: s.node})
OPTIONAL MATCH (a:AppliedStimulus {graph: $graph, id: s.id})
CALL {
  WITH s
  WITH CASE WHEN s.candidates IS :: LIST<STRING> THEN coalesce(s.candidates, []) ELSE [] END AS ids
  UNWIND range(0, size(ids) - 1) AS k
  OPTIONAL MATCH (m:Node {graph: $graph, id: ids[k]})
  WITH k, m ORDER BY k
  RETURN collect(coalesce(id(m), -1)) AS keys
}
RETURN id(s) AS entry, s.id AS id, s.node AS node, s.delta AS delta, s.source AS source, id(n) AS key, a IS NOT NULL AS known,
       s.budget AS budget, s.candidates AS candidates, s.similarity AS similarity, keys
ORDER BY s.created_at, s.id
