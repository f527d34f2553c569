// Purpose:    find the nodes whose embeddings are nearest to a vector, in a vector index
// Parameters: graph, index, vector; reach: hits that the index gives, of whatever graph; limit
// Returns:    key, id, score: a row a node, nearest first, ties by id
// Plan:       the index alone
CYPHER 5
CALL db.index.vector.queryNodes($index, $reach, $vector) YIELD node AS n, score
WHERE n:Node AND n.graph = $graph AND n.id IS :: STRING NOT NULL
WITH n, score ORDER BY score DESC, n.id LIMIT $limit
RETURN id(n) AS key, n.id AS id, score
