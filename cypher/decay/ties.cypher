// Purpose:    read what nodes are tied to: what they keep their energy longer for
// Parameters: graph, keys; goal: node type of goals
// Returns:    key, degree, entities, goal (whether an unresolved one is linked): columns, one row
// Plan:       a seek by key each; degrees from the node's own record; an expand each, no further than the first such goal
CYPHER 5
UNWIND $keys AS k
MATCH (n:Node)
WHERE id(n) = k AND n.graph = $graph
RETURN collect(k) AS key, collect(COUNT { (n)--() }) AS degree, collect(COUNT { (n)-[:MEMBER_OF]->() }) AS entities,
       collect(EXISTS {
         (n)--(g:Node) WHERE g.graph = $graph AND g.type = $goal AND NOT coalesce(g.resolved = true, false)
       }) AS goal
