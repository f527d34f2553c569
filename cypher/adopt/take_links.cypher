// Purpose:    make relationships links: a mark says of which graph, and keeps a `log_weight` that was there before
// Parameters: graph; key, source, target, type, log_weight: columns
// Returns:    taken: how many were as the survey had found them; one row
// Plan:       a seek by key each
CYPHER 5
UNWIND range(0, size($key) - 1) AS k
MATCH (a)-[r]->(b)
WHERE id(r) = $key[k] AND id(a) = $source[k] AND id(b) = $target[k] AND type(r) = $type[k]
SET r.stridegraph_adopted = coalesce(r.stridegraph_adopted, '') // locks it: what is read from here on stays as it is
WITH r, k
WHERE r.stridegraph_adopted = '' AND coalesce(r.log_weight, $log_weight[k]) = $log_weight[k]
SET r.stridegraph_adopted = $graph, r.stridegraph_before = r.log_weight
SET r.log_weight = coalesce(r.log_weight, $log_weight[k])
RETURN count(r) AS taken
