// Purpose:    list memberships that do not count for a node's main entity, and why
// Parameters: graph, limit
// Returns:    count, rows: list of [what, identity, why], at most `limit`; one row
// Plan:       scans the graph's part of the index on (graph, id), and expands: a person asks, not a tick
CYPHER 5
MATCH (n:Node)-[m:MEMBER_OF]->(e:Entity)
WHERE n.graph = $graph AND n.id IS NOT NULL
WITH n, e, CASE
  WHEN e.graph IS NULL OR e.graph <> $graph THEN 'the entity is of another graph'
  WHEN e.id IS NULL OR NOT e.id IS :: STRING THEN 'the entity\'s id is missing or not text'
  WHEN NOT m.weight IS :: INTEGER | FLOAT THEN 'weight is not a number'
  WHEN NOT m.weight - m.weight = 0.0 OR m.weight <= 0 THEN 'weight is not a finite number over 0'
END AS why
WHERE why IS NOT NULL
WITH why, toStringOrNull(n.id) + ' -[MEMBER_OF]-> ' + coalesce(toStringOrNull(e.id), elementId(e)) AS identity
ORDER BY identity
RETURN count(*) AS count, collect(['member', identity, why])[..$limit] AS rows
