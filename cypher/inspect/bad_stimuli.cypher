// Purpose:    list stimuli that no tick can apply, or that none has, and why
// Parameters: graph, limit
// Returns:    count, rows: list of [what, identity, why], at most `limit`; one row
// Plan:       scans labels: a person asks, not a tick
CYPHER 5
CALL {
  MATCH (s:Stimulus)
  WHERE s.graph = $graph AND s.created_at IS NULL
  RETURN coalesce(toStringOrNull(s.id), elementId(s)) AS identity, 'it has no created_at: no worker sees it' AS why
  UNION ALL
  MATCH (s:RejectedStimulus)
  WHERE s.graph = $graph
  RETURN coalesce(toStringOrNull(s.id), elementId(s)) AS identity, 'rejected in tick ' + toString(s.tick) + ': ' + s.why AS why
}
WITH identity, why ORDER BY identity
RETURN count(*) AS count, collect(['stimulus', identity, why])[..$limit] AS rows
