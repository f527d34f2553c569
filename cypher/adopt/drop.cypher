// Purpose:    drop some of what a worker keeps of a graph beside its ledger; what others have tied to stays
// Parameters: graph, fence, limit
// Returns:    dropped, one row; none where another holds the graph by now
// Plan:       a seek of the ledger by its unique key; scans the labels of what the worker keeps: when an adoption is undone
CYPHER 5
MATCH (l:Ledger {graph: $graph})
SET l.lock = $fence
WITH l WHERE l.fence = $fence
CALL () {
  CALL () {
    MATCH (own:Stimulus) WHERE own.graph = $graph RETURN own
    UNION ALL
    MATCH (own:AppliedStimulus) WHERE own.graph = $graph RETURN own
    UNION ALL
    MATCH (own:RejectedStimulus) WHERE own.graph = $graph RETURN own
    UNION ALL
    MATCH (own:WeightStats) WHERE own.graph = $graph RETURN own
    UNION ALL
    MATCH (own:Visits) WHERE own.graph = $graph RETURN own
  }
  WITH own WHERE NOT EXISTS { (own)--() } LIMIT $limit
  DELETE own
  RETURN count(own) AS dropped
}
RETURN dropped
