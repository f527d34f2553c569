// Purpose:    read the whole queue in the order in which ticks take it
// Parameters: graph
// Returns:    rows: list of [id, node, delta, budget, candidates, similarity, source, created_at (text, null: it is no moment),
//             known (its id was applied before)], one row
// Plan:       the index on (graph, created_at), in its order; a seek by unique key each
CYPHER 5
MATCH (s:Stimulus)
WHERE s.graph = $graph AND s.created_at IS NOT NULL
OPTIONAL MATCH (a:AppliedStimulus {graph: $graph, id: s.id})
WITH s, a ORDER BY s.graph, s.created_at, s.id
RETURN collect([s.id, s.node, s.delta, s.budget, s.candidates, s.similarity, s.source,
                CASE WHEN s.created_at IS :: ZONED DATETIME THEN toString(s.created_at) END, a IS NOT NULL]) AS rows
