// Purpose:    read the oldest stimuli of the queue, with the node each is for and whether its id was applied before
// Parameters: graph, limit
// Returns:    entry, id, node, delta, source, key (null: no such node), known: a row a stimulus, oldest first, ties by id
// Plan:       the index on (graph, created_at), in its order; seeks by unique keys
CYPHER 5
MATCH (s:Stimulus)
WHERE s.graph = $graph AND s.created_at IS NOT NULL
WITH s ORDER BY s.created_at, s.id LIMIT $limit
OPTIONAL MATCH (n:Node {graph: $graph, id: s.node})
OPTIONAL MATCH (a:AppliedStimulus {graph: $graph, id: s.id})
RETURN id(s) AS entry, s.id AS id, s.node AS node, s.delta AS delta, s.source AS source, id(n) AS key, a IS NOT NULL AS known
ORDER BY s.created_at, s.id
