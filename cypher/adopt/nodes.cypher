// Purpose:    read what nodes have of what an adoption or a worker would write
// Parameters: keys; labels: those chosen, in their order; from: map of label and the property that ids come from; written:
//             properties that a worker or an adoption writes; own: labels of what the worker itself keeps
// Returns:    rows: list of [key, element id, labels chosen, graph, id, type, the property that its id comes from, which of
//             `written` it has, which of `own`], one row
// Plan:       a seek by key each
CYPHER 5
UNWIND $keys AS k
MATCH (n)
WHERE id(n) = k
WITH n, [label IN $labels WHERE label IN labels(n)] AS chosen
WHERE chosen <> []
RETURN collect([id(n), elementId(n), chosen, n.graph, n.id, n.type, n[$from[chosen[0]]],
                [name IN $written WHERE n[name] IS NOT NULL], [label IN $own WHERE label IN labels(n)]]) AS rows
