// Purpose:    name the graphs that nobody's lease is valid on
// Parameters: graphs
// Returns:    graph, a row each, in the order given
// Plan:       one seek a graph by the ledger's unique key
CYPHER 5
UNWIND range(0, size($graphs) - 1) AS k
OPTIONAL MATCH (l:Ledger {graph: $graphs[k]})
WITH k, l, datetime.realtime().epochMillis AS now
WHERE l.holder IS NULL OR l.expires <= now OR l.expires > now + coalesce(l.ttl, 3600000) // as lease/take has it
RETURN $graphs[k] AS graph ORDER BY k
