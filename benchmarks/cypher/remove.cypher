// Purpose:    remove some of a graph's nodes, with their links
// Parameters: graph
// Returns:    gone: how many; one row
// Plan:       seeks the graph's part of the index on (graph, id)
CYPHER 5
MATCH (n:Node {graph: $graph})
WITH n LIMIT 5000
DETACH DELETE n
RETURN count(*) AS gone
