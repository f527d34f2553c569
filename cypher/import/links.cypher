// Purpose:    create the links that are not there yet; those that are stay as they are. The same link: same ends, type and
//             `id`, or both without an `id`. A relationship without `log_weight` is no link
// Parameters: graph; source, source_id, target, target_id: columns, the nodes that the links are between, each once;
//             of, to: positions in them; type, log_weight, link_id, properties (maps): columns of the links, sorted by
//             source, each once. `link_id` and `properties` may be empty
// Returns:    created, one row; none, and nothing written, where a node is not what its key and id say
// Plan:       a seek by key each, and a look between its ends for each link whose source had links before
CYPHER 5
CALL () {
  UNWIND range(0, size($target) - 1) AS k
  MATCH (n) WHERE id(n) = $target[k] AND n.id = $target_id[k] AND n.graph = $graph
  RETURN collect(n) AS targets
}
CALL () {
  UNWIND range(0, size($source) - 1) AS k
  MATCH (n) WHERE id(n) = $source[k] AND n.id = $source_id[k] AND n.graph = $graph
  SET n:Node // changes nothing, but locks it: another import, or the lost half of this one, cannot create the same link
  WITH n
  RETURN collect(n) AS sources, collect(COUNT { (n)-->() }) AS degrees
}
WITH targets, sources, degrees
WHERE size(targets) = size($target) AND size(sources) = size($source)
CALL (targets, sources, degrees) {
  UNWIND range(0, size($of) - 1) AS k
  WITH k, sources[$of[k]] AS a, targets[$to[k]] AS b, degrees[$of[k]] AS degree
  WHERE degree = 0 OR NOT EXISTS {
    (a)-[r:$($type[k])]->(b)
    WHERE r.log_weight IS NOT NULL AND (r.id = $link_id[k] OR r.id IS NULL AND $link_id[k] IS NULL)
  }
  CREATE (a)-[new:$($type[k]) {log_weight: $log_weight[k], id: $link_id[k]}]->(b)
  FOREACH (map IN $properties[k..k + 1] | SET new += map) // costs nothing where there are none
  RETURN count(*) AS created
}
RETURN created
