// Purpose:    read nodes by their keys
// Parameters: graph, keys
// Returns:    rows: list of [key, id, type, energy, energy_at, threshold, visits, embedding, emotion,
//             list of [entity, weight]], one row
// Plan:       a seek by key each, and its memberships by their type
CYPHER 5
UNWIND $keys AS key
MATCH (n:Node)
WHERE id(n) = key AND n.graph = $graph
RETURN collect([id(n), n.id, n.type, n.energy, n.energy_at, n.threshold, n.visits, n.embedding, n.emotion, n.retention,
                CASE WHEN COUNT { (n)-[:MEMBER_OF]->() } = 0 THEN [] // a degree costs a third of looking
                  ELSE [(n)-[m:MEMBER_OF]->(e:Entity) WHERE e.graph = $graph | [e.id, m.weight]] END]) AS rows
