// Purpose:    read what goes out of nodes: relationships of some types, and any that has a `log_weight`
// Parameters: keys, types; from: map of type and the property that log-weights come from
// Returns:    rows: list of [key, source, target, type, element id, log_weight, the property that it comes from, the graph that
//             it was adopted in], one row
// Plan:       a seek by key and an expand each
CYPHER 5
UNWIND $keys AS k
MATCH (a)-[r]->(b)
WHERE id(a) = k AND (type(r) IN $types OR r.log_weight IS NOT NULL)
RETURN collect([id(r), id(a), id(b), type(r), elementId(r), r.log_weight, r[$from[type(r)]], r.stridegraph_adopted]) AS rows
