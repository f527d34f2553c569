// Purpose:    the same, and written to every node
// Parameters: graph; sources: keys of the seeds
// Returns:    nodes: how many were written; one row
// Plan:       a procedure of GDS
CALL gds.pageRank.write($graph, {maxIterations: 20, tolerance: 1e-30, relationshipWeightProperty: 'weight',
                                 sourceNodes: $sources, concurrency: 2, writeProperty: 'pagerank'})
YIELD nodePropertiesWritten
RETURN nodePropertiesWritten AS nodes
