// Purpose:    tell whether any stimulus is pending, many times a second while the worker waits for its next tick
// Parameters: graph
// Returns:    waiting, one row
// Plan:       the index on (graph, created_at), no further than its first entry
CYPHER 5
MATCH (s:Stimulus)
WHERE s.graph = $graph AND s.created_at IS NOT NULL
WITH s LIMIT 1
RETURN count(s) > 0 AS waiting
