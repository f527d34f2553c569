// Purpose:    name the database's other graphs where this one has no node: it may be another that was meant
// Parameters: graph, limit
// Returns:    others: list of names; one row
// Plan:       scans the ledgers, one a graph; one seek tells whether this graph has a node
CYPHER 5
OPTIONAL MATCH (l:Ledger)
WHERE l.graph <> $graph AND l.graph IS :: STRING NOT NULL
  AND NOT EXISTS { MATCH (n:Node) WHERE n.graph = $graph AND n.id IS NOT NULL }
WITH l.graph AS name
ORDER BY name
LIMIT $limit
RETURN collect(name) AS others
