// Purpose:    find out whether the database answers and lets this user work
// Parameters: none
// Returns:    ok (1), one row
// Plan:       no access to the graph
RETURN 1 AS ok
