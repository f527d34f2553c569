// Purpose:    project a graph for GDS, links weighted by e^log_weight
// Parameters: graph
// Returns:    links: one row
// Plan:       scans the graph's part of the index on (graph, id), and expands
MATCH (a:Node {graph: $graph})-[r]->(b:Node)
WITH gds.graph.project($graph, a, b, {relationshipProperties: {weight: exp(r.log_weight)}}) AS made
RETURN made.relationshipCount AS links
