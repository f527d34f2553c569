// Purpose:    find the nodes that a word stands for, the commonest meaning first
// Parameters: graph, word (lower case)
// Returns:    id, label: a row a node
// Plan:       scans the graph's part of the index on (graph, id): a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS NOT NULL AND $word IN n.words
WITH n, [k IN range(0, size(n.words) - 1) WHERE n.words[k] = $word | n.senses[k]][0] AS sense
RETURN n.id AS id, n.label AS label
ORDER BY sense, n.id
