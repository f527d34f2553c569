// Purpose:    what a naive client reads: each active node with its links and their targets, whole
// Parameters: graph
// Returns:    n, r, m: a row a link
// Plan:       scans the graph's nodes for the active ones, and expands
CYPHER 5
MATCH (n:Node {graph: $graph})-[r]->(m:Node)
WHERE n.energy >= n.threshold
RETURN n, r, m
