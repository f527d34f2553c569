// Purpose:    count the stimuli that wait
// Parameters: graph
// Returns:    pending, one row
// Plan:       scans the graph's part of an index: whoever scrapes asks, not a tick
CYPHER 5
MATCH (s:Stimulus) WHERE s.graph = $graph
RETURN count(s) AS pending
