// Purpose:    drop stimuli that were applied or rejected, and that nobody needs to be told of any more
// Parameters: graph; keep: seconds since they were taken from the queue; batch: most of each kind
// Returns:    dropped: how many; more: whether there may be others, as old; one row
// Plan:       ranges of the indexes on (graph, taken_at), no further than the batch
CYPHER 5
WITH datetime.realtime() - duration({seconds: $keep}) AS until
CALL {
  WITH until
  MATCH (s:AppliedStimulus)
  WHERE s.graph = $graph AND s.taken_at < until
  WITH s LIMIT $batch
  DETACH DELETE s
  RETURN count(*) AS applied
}
CALL {
  WITH until
  MATCH (s:RejectedStimulus)
  WHERE s.graph = $graph AND s.taken_at < until
  WITH s LIMIT $batch
  DETACH DELETE s
  RETURN count(*) AS rejected
}
RETURN applied + rejected AS dropped, applied = $batch OR rejected = $batch AS more
