// Purpose:    read labels, and properties by their names, of nodes that were recalled
// Parameters: graph, ids, properties
// Returns:    id, label, values (in the order of `properties`): a row a node
// Plan:       a seek by the unique key each
CYPHER 5
UNWIND $ids AS id
MATCH (n:Node {graph: $graph, id: id})
RETURN n.id AS id, CASE WHEN n.label IS :: STRING THEN n.label END AS label, [name IN $properties | n[name]] AS values
