// Purpose:    find the indexes of this program that do not serve yet
// Parameters: none
// Returns:    name, state, percent, reason (why it failed, else empty), one row an index, by name
// Plan:       no access to the graph
SHOW INDEXES YIELD name, state, populationPercent, failureMessage
WHERE name STARTS WITH 'stridegraph_' AND state <> 'ONLINE'
RETURN name, state, populationPercent AS percent, failureMessage AS reason
ORDER BY name
