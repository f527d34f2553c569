// Purpose:    take a graph, if nobody's lease on it is valid, and raise its fence; make its ledger at first
// Parameters: graph, holder; fresh (map): the properties of a new ledger; ttl: seconds
// Returns:    ledger (map), one row; none while another holds the graph
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MERGE (l:Ledger {graph: $graph})
ON CREATE SET l += $fresh
SET l.lock = $holder
WITH l, datetime.realtime().epochMillis AS now
WHERE l.holder IS NULL OR l.holder = $holder OR l.expires <= now
   OR l.expires > now + coalesce(l.ttl, 3600000) // further off than any renewal sets it: the database's clock was set back
SET l.fence = l.fence + 1, l.holder = $holder, l.ttl = toInteger($ttl * 1000), l.expires = now + toInteger($ttl * 1000)
RETURN l {.*} AS ledger
