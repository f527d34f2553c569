// Purpose:    find nodes by the value of a property, or by one of the values that it lists
// Parameters: graph, property, value, limit
// Returns:    key, id: a row a node, in ascending id
// Plan:       scans the graph's part of the index on (graph, id): the property may be any
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS :: STRING NOT NULL
  AND CASE WHEN n[$property] IS :: LIST<ANY> NOT NULL THEN $value IN n[$property] ELSE coalesce(n[$property] = $value, false) END
WITH n ORDER BY n.graph, n.id LIMIT $limit
RETURN id(n) AS key, n.id AS id
