// Purpose:    find the relationships that were adopted into a graph
// Parameters: graph, types
// Returns:    keys: list, one row
// Plan:       scans the relationships of these types, or all where the server cannot look types up by a parameter (5.26): once,
//             when an adoption is undone
CYPHER 5
MATCH ()-[r:$any($types)]->()
WHERE r.stridegraph_adopted = $graph
RETURN collect(id(r)) AS keys
