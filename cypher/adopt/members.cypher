// Purpose:    find the nodes that are in the graph already
// Parameters: graph
// Returns:    rows: list of [key, id], one row
// Plan:       scans the graph's nodes: once, before an adoption
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph
RETURN collect([id(n), n.id]) AS rows
