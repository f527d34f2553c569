// Purpose:    all energies of a graph, to compare what several ways have written
// Parameters: graph
// Returns:    id, energy: columns in ascending id; one row
// Plan:       scans the graph's nodes
CYPHER 5
MATCH (n:Node {graph: $graph})
WITH n ORDER BY n.id
RETURN collect(n.id) AS id, collect(n.energy) AS energy
