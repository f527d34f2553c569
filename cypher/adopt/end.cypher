// Purpose:    end an undone adoption: drop the ledger, or give its lease back and tell the worker that the graph has changed
// Parameters: graph, fence; drop: whether the ledger goes
// Returns:    graph, one row; none where another holds the graph by now
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
SET l.revision = coalesce(l.revision, 0) + 1, l.expires = 0, l.holder = null, l.adopted = null, l.adopted_types = null
FOREACH (_ IN CASE WHEN $drop AND NOT EXISTS { (l)--() } THEN [1] ELSE [] END | DELETE l)
RETURN $graph AS graph
