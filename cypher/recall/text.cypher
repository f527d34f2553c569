// Purpose:    find nodes by words, in a full-text index
// Parameters: graph, index, words; reach: hits that the index gives, of whatever graph; limit
// Returns:    key, id, score: a row a node, best first, ties by id
// Plan:       the index alone
CYPHER 5
CALL db.index.fulltext.queryNodes($index, $words, {limit: $reach}) YIELD node AS n, score
WHERE n:Node AND n.graph = $graph AND n.id IS :: STRING NOT NULL
WITH n, score ORDER BY score DESC, n.id LIMIT $limit
RETURN id(n) AS key, n.id AS id, score
