// Purpose:    close a committed tick by moving the decay clock
// Parameters: graph, fence, tick; ledger (map); ttl: seconds
// Returns:    revision, one row; none where the ledger is not this worker's or not at this tick
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $tick
WITH l WHERE l.fence = $fence AND l.tick = $tick AND l.phase = 'committed'
SET l += $ledger, l.expires = datetime.realtime().epochMillis + toInteger($ttl * 1000)
RETURN l.revision AS revision
