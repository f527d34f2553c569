// Purpose:    find nodes by their ids
// Parameters: graph, id
// Returns:    id, key: columns of those that are there, one row
// Plan:       a seek by unique key each
CYPHER 5
UNWIND $id AS id
MATCH (n:Node {graph: $graph, id: id})
RETURN collect(n.id) AS id, collect(id(n)) AS key
