// Purpose:    make nodes those of a graph; what they have of their own stays, and a mark on each says what was added
// Parameters: graph; key, label, id: columns; from: map of label and the property that ids come from; prefix: whether the label
//             stands before it; written: properties that a worker or an adoption writes
// Returns:    taken: how many were as the survey had found them; one row
// Plan:       a seek by key each
CYPHER 5
UNWIND range(0, size($key) - 1) AS k
MATCH (n)
WHERE id(n) = $key[k]
SET n.stridegraph_adopted = coalesce(n.stridegraph_adopted, '') // locks it: what is read from here on stays as it is
WITH n, k, [what IN ['Node', 'graph', 'id', 'type'] WHERE CASE what WHEN 'Node' THEN NOT n:Node ELSE n[what] IS NULL END] AS added
WHERE n.stridegraph_adopted = '' AND $label[k] IN labels(n) AND coalesce(n.graph, $graph) = $graph
  AND coalesce(n.id, $id[k]) = $id[k] AND coalesce(n.type, '') IS :: STRING NOT NULL
  AND none(name IN $written WHERE n[name] IS NOT NULL AND name <> 'stridegraph_adopted')
  AND ($from[$label[k]] IS NULL
    OR CASE WHEN $prefix THEN $label[k] + ':' ELSE '' END + toString(n[$from[$label[k]]]) = $id[k])
SET n:Node, n.stridegraph_adopted = reduce(text = '', what IN added | text + ' ' + what),
    n.graph = $graph, n.id = $id[k], n.type = coalesce(n.type, $label[k])
RETURN count(n) AS taken
