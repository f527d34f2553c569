// Purpose:    find the nodes that were adopted into a graph
// Parameters: graph
// Returns:    keys: list, one row
// Plan:       scans the graph's nodes: once, when an adoption is undone
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.stridegraph_adopted IS NOT NULL
RETURN collect(id(n)) AS keys
