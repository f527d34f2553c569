// Purpose:    find nodes whose id begins with a text, or whose label does, in whatever case
// Parameters: graph, text, lower (the same in lower case), limit; looked: among how many nodes labels are looked for
// Returns:    id, type, label: a row a node, those found by id first, each part in ascending id
// Plan:       a seek in the index on (graph, id) for ids; labels are looked for along it, no further than `looked`: a person asks
//             that scan, not a tick
CYPHER 5
CALL {
  MATCH (n:Node)
  WHERE n.graph = $graph AND n.id STARTS WITH $text
  RETURN n, 0 AS part ORDER BY n.graph, n.id LIMIT $limit
UNION
  MATCH (n:Node)
  WHERE n.graph = $graph AND n.id IS :: STRING NOT NULL
  WITH n LIMIT $looked
  WITH n, CASE WHEN n.label IS :: STRING NOT NULL THEN n.label END AS label
  WHERE toLower(label) STARTS WITH $lower AND NOT n.id STARTS WITH $text
  RETURN n, 1 AS part ORDER BY size(label), n.id LIMIT $limit
}
WITH n, part LIMIT $limit
RETURN n.id AS id, CASE WHEN n.type IS :: STRING THEN n.type END AS type, CASE WHEN n.label IS :: STRING THEN n.label END AS label
ORDER BY part, size(label), id
