// Purpose:    find all nodes that have one of some labels
// Parameters: labels
// Returns:    keys: list, one row
// Plan:       looks labels up, or scans all nodes where the server cannot do so by a parameter (5.26): once, before an adoption
CYPHER 5
MATCH (n:$any($labels))
RETURN collect(id(n)) AS keys
