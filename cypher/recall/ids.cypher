// Purpose:    find nodes by their own ids
// Parameters: graph, ids
// Returns:    key, id: a row a node that is there
// Plan:       a seek by the unique key each
CYPHER 5
UNWIND $ids AS id
MATCH (n:Node {graph: $graph, id: id})
RETURN id(n) AS key, n.id AS id
