// Purpose:    read the ledger
// Parameters: graph
// Returns:    ledger (map), one row; none where no worker has been
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MATCH (l:Ledger {graph: $graph})
RETURN l {.*} AS ledger
