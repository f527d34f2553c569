// Purpose:    where the server keeps its logs
// Parameters: none
// Returns:    value: one row
// Plan:       reads the configuration
SHOW SETTINGS 'server.directories.logs' YIELD value
