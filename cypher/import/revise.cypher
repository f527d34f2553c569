// Purpose:    tell the worker of a graph that it has changed: what it holds in memory is read again
// Parameters: graph
// Returns:    nothing
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.revision = coalesce(l.revision, 0) + 1
