// Purpose:    hold a graph's ledger, so that no worker commits, and read it; rolled back, it leaves no trace
// Parameters: graph
// Returns:    ledger (map), one row; without a `tick` where no worker has been: what was made is gone with the rollback
// Plan:       one seek of the ledger by its unique key, which is locked where there is none, too
CYPHER 5
MERGE (l:Ledger {graph: $graph})
SET l.lock = 'snapshot'
RETURN l {.*} AS ledger
