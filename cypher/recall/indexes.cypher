// Purpose:    find the indexes that nodes can be looked up in by words, or by a vector
// Parameters: none
// Returns:    name, type (FULLTEXT, VECTOR), one row an index that serves, by name
// Plan:       no access to the graph
SHOW INDEXES YIELD name, type, entityType, state
WHERE entityType = 'NODE' AND type IN ['FULLTEXT', 'VECTOR'] AND state = 'ONLINE'
RETURN name, type
ORDER BY name
