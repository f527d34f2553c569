// Purpose:    the keys of a graph's active nodes
// Parameters: graph
// Returns:    key: column; one row
// Plan:       scans the graph's nodes
CYPHER 5
MATCH (n:Node {graph: $graph})
WHERE n.energy >= n.threshold
RETURN collect(id(n)) AS key
