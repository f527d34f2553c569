// Purpose:    count the visits that commits have noted and that no node has been given yet
// Parameters: graph
// Returns:    id, visits
// Plan:       seek of :Visits by its index; reads at most an epoch's ticks
CYPHER 5
MATCH (v:Visits {graph: $graph})
UNWIND split(v.ids, v.between) AS id
RETURN id, count(*) AS visits
