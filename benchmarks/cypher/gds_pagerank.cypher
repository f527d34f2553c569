// Purpose:    personalised PageRank of 20 iterations on the projection, nothing written
// Parameters: graph; sources: keys of the seeds
// Returns:    iterations: one row
// Plan:       a procedure of GDS
CALL gds.pageRank.stats($graph, {maxIterations: 20, tolerance: 1e-30, relationshipWeightProperty: 'weight',
                                 sourceNodes: $sources, concurrency: 2})
YIELD ranIterations
RETURN ranIterations AS iterations
