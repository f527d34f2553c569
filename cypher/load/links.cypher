// Purpose:    read the out-links of nodes, to nodes of the same graph; of hubs, which have more than `most`, only their keys
// Parameters: graph, keys, most
// Returns:    source, target, key, type, log_weight, emotion: columns; hubs: list of keys; one row
// Plan:       a seek by key and an expand each; how many go out of a node is read from the node itself
CYPHER 5
UNWIND $keys AS k
MATCH (n:Node)
WHERE id(n) = k AND n.graph = $graph
WITH n, COUNT { (n)-->() } > $most AS hub
WITH collect(CASE WHEN hub THEN id(n) END) AS hubs, collect(CASE WHEN NOT hub THEN n END) AS whole
CALL (whole) {
  UNWIND whole AS n
  MATCH (n)-[r]->(m:Node)
  WHERE m.graph = $graph AND r.log_weight IS NOT NULL
  RETURN collect(id(n)) AS source, collect(id(m)) AS target, collect(id(r)) AS key, collect(type(r)) AS type,
         collect(r.log_weight) AS log_weight, collect(coalesce(r.emotion, [])) AS emotion
}
RETURN source, target, key, type, log_weight, emotion, hubs
