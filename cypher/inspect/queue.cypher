// Purpose:    count a graph's links, and the stimuli that wait, were applied and were rejected
// Parameters: graph
// Returns:    links, pending, applied, rejected, one row
// Plan:       scans the graph's part of indexes, and expands: a person asks, not a tick
CYPHER 5
CALL {
  MATCH (a:Node)-[r]->(b:Node)
  WHERE a.graph = $graph AND a.id IS NOT NULL AND b.graph = $graph AND r.log_weight IS NOT NULL
  RETURN count(r) AS links
}
CALL { MATCH (s:Stimulus) WHERE s.graph = $graph RETURN count(s) AS pending }
CALL { MATCH (s:AppliedStimulus) WHERE s.graph = $graph RETURN count(s) AS applied }
CALL { MATCH (s:RejectedStimulus) WHERE s.graph = $graph RETURN count(s) AS rejected }
RETURN links, pending, applied, rejected
