// Purpose:    tell whether nothing of a graph is left but what the worker itself keeps, and nothing was there before its adoption
// Parameters: graph
// Returns:    alone, one row; none without a ledger
// Plan:       a seek of the ledger by its unique key, and scans of the graph's nodes and entities to the first
CYPHER 5
MATCH (l:Ledger {graph: $graph})
RETURN l.adopted = 'whole' AND NOT EXISTS { (n:Node) WHERE n.graph = $graph } AND NOT EXISTS { (e:Entity) WHERE e.graph = $graph }
  AS alone
