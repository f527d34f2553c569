// Purpose:    list links that the physics will not take, and why
// Parameters: graph, limit; affect: how many numbers an emotion is compared with (0: none)
// Returns:    count, rows: list of [what, identity, why], at most `limit`; one row
// Plan:       scans the graph's part of the index on (graph, id), and expands: a person asks, not a tick
CYPHER 5
MATCH (a:Node)-[r]->(b:Node)
WHERE a.graph = $graph AND a.id IS NOT NULL AND r.log_weight IS NOT NULL
WITH a, r, b, CASE
  WHEN a = b THEN 'it points to its own node: not a stride'
  WHEN b.graph IS NULL OR b.graph <> $graph THEN 'it leaves the graph'
  WHEN NOT r.log_weight IS :: INTEGER | FLOAT THEN 'log_weight is not a number: skipped'
  WHEN NOT r.log_weight - r.log_weight = 0.0 THEN 'log_weight is not finite: skipped'
  WHEN abs(r.log_weight) > 1e100 THEN 'log_weight is over 1e100: skipped'
  WHEN NOT r.emotion IS :: LIST<INTEGER> | LIST<FLOAT> THEN 'emotion is not a list of numbers: its factor is 1'
  WHEN any(x IN r.emotion WHERE NOT x - x = 0.0) THEN 'emotion has a number that is not finite: its factor is 1'
  WHEN $affect > 0 AND size(r.emotion) > 0 AND size(r.emotion) <> $affect
    THEN 'emotion has another length than the affect: its factor is 1'
END AS why
WHERE why IS NOT NULL
WITH why, toStringOrNull(a.id) + ' -[' + type(r) + ']-> ' + coalesce(toStringOrNull(b.id), elementId(b)) AS identity
ORDER BY identity
RETURN count(*) AS count, collect(['link', identity, why])[..$limit] AS rows
