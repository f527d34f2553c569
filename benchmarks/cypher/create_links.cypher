// Purpose:    create links between nodes whose keys are known
// Parameters: links: chunks of columns: source, target (keys), weight; first: number of its first link
// Returns:    nothing
// Plan:       a seek by key each end; no column has the name of a property that is written, or all are gathered first
CYPHER 25
UNWIND $links AS chunk
WITH toIntegerList(chunk.source) AS source, toIntegerList(chunk.target) AS target, toFloatList(chunk.weight) AS weight,
     chunk.first AS first
UNWIND range(0, size(source) - 1) AS k
MATCH (a) WHERE id(a) = source[k]
MATCH (b) WHERE id(b) = target[k]
CREATE (a)-[:LINK {log_weight: weight[k], number: first + k}]->(b)
