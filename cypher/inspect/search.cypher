// Purpose:    find nodes whose id begins with a text, or whose label does, in whatever case
// Parameters: graph, prefix, lower (the same in lower case), limit; looked: among how many nodes labels are looked for
// Returns:    id, type, label: a row a node, those found by id first, then the shortest label, ties by id
// Plan:       a seek in the index on (graph, id) for ids; labels are looked for by a scan along it, no further than `looked`: a
//             person asks, not a tick
CYPHER 5
CALL {
  MATCH (n:Node)
  WHERE n.graph = $graph AND n.id STARTS WITH $prefix
  WITH n ORDER BY n.graph, n.id LIMIT $limit
  RETURN n, 0 AS part
UNION
  MATCH (n:Node)
  WHERE n.graph = $graph AND n.id IS :: STRING NOT NULL
  WITH n LIMIT $looked
  WITH n, CASE WHEN n.label IS :: STRING NOT NULL THEN n.label END AS label
  WHERE toLower(label) STARTS WITH $lower AND NOT n.id STARTS WITH $prefix
  WITH n ORDER BY size(label), n.id LIMIT $limit
  RETURN n, 1 AS part
}
WITH part, n.id AS id, CASE WHEN n.type IS :: STRING THEN n.type END AS type, CASE WHEN n.label IS :: STRING THEN n.label END AS label
RETURN id, type, label
ORDER BY part, size(label), id LIMIT $limit
