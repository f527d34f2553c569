// Purpose:    read every node whose energy is not 0, whatever it is
// Parameters: graph
// Returns:    rows: list of [key, id, type, energy, energy_at, threshold, visits, embedding, emotion,
//             list of [entity, weight]], one row
// Plan:       scans the graph's part of the index on (graph, id): once, when a worker attaches
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS NOT NULL AND n.energy <> 0
RETURN collect([id(n), n.id, n.type, n.energy, n.energy_at, n.threshold, n.visits, n.embedding, n.emotion, n.retention,
                CASE WHEN COUNT { (n)-[:MEMBER_OF]->() } = 0 THEN [] // a degree costs a third of looking
                  ELSE [(n)-[m:MEMBER_OF]->(e:Entity) WHERE e.graph = $graph | [e.id, m.weight]] END]) AS rows
