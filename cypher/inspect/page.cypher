// Purpose:    read a graph's nodes page by page, in ascending id, each with its number of relationships that go out
// Parameters: graph; first: the id that the page begins with; limit; meaning: whether embeddings are read too
// Returns:    rows: list of [key, id, type, energy, energy_at, threshold, visits, embedding, emotion, []
//             (no memberships: no energy depends on them)], degrees; one row
// Plan:       a seek in the index on (graph, id), in its order, no further than the page
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id >= $first
WITH n ORDER BY n.graph, n.id LIMIT $limit // both, or the planner does not see that the index has the order
RETURN collect([id(n), n.id, n.type, n.energy, n.energy_at, n.threshold, n.visits,
                CASE WHEN $meaning THEN n.embedding END, n.emotion, n.retention, []]) AS rows,
       collect(COUNT { (n)-->() }) AS degrees
