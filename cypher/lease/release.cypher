// Purpose:    give the lease back
// Parameters: graph, fence
// Returns:    fence, one row; none where another holds the graph by now
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
SET l.expires = 0
REMOVE l.holder
RETURN l.fence AS fence
