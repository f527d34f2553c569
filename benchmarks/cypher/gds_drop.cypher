// Purpose:    drop a projection
// Parameters: graph
// Returns:    nothing
// Plan:       a procedure of GDS
CALL gds.graph.drop($graph, false) YIELD graphName
FINISH
