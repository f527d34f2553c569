// Purpose:    read a graph's nodes page by page, in ascending id, with all that the physics and whoever restores them need
// Parameters: graph; first: the id that the page begins with; limit; known: properties that have a place of their own;
//             more: whether all others are read too; meaning: whether embeddings are
// Returns:    rows: list of [key, id, type, energy, energy_at, threshold, visits, embedding, emotion, retention, resolved,
//             degree (relationships of any kind, in and out), members: list of [entity (null: what it
//             is a member of is no entity of this graph), weight, more], more: list of [property, value]]; one row
// Plan:       a seek in the index on (graph, id), in its order, no further than the page; degrees from the node's own record
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id >= $first
WITH n ORDER BY n.graph, n.id LIMIT $limit // both, or the planner does not see that the index has the order
RETURN collect([id(n), n.id, n.type, n.energy, n.energy_at, n.threshold, n.visits,
                CASE WHEN $meaning THEN n.embedding END, n.emotion, n.retention,
                n.resolved, COUNT { (n)--() },
                CASE WHEN COUNT { (n)-[:MEMBER_OF]->() } = 0 THEN [] // a degree costs a third of looking
                  ELSE [(n)-[m:MEMBER_OF]->(e) | [CASE WHEN e:Entity AND e.graph = $graph THEN e.id END, m.weight,
                        CASE WHEN $more THEN [p IN keys(m) WHERE p <> 'weight' | [p, m[p]]] ELSE [] END]] END,
                CASE WHEN $more THEN [p IN keys(n) WHERE NOT p IN $known | [p, n[p]]] ELSE [] END]) AS rows
