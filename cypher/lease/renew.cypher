// Purpose:    keep the lease, as long as nobody has raised the fence
// Parameters: graph, fence; ttl: seconds
// Returns:    fence, one row; none where it was raised
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
SET l.expires = datetime.realtime().epochMillis + toInteger($ttl * 1000)
RETURN l.fence AS fence
