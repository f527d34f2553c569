// Purpose:    where the server keeps its data
// Parameters: none
// Returns:    value: one row
// Plan:       reads the configuration
SHOW SETTINGS 'server.directories.data' YIELD value
