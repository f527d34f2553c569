// Purpose:    name the nodes whose key is too long for an index (some 8 kB), once a constraint could not be created
// Parameters: none
// Returns:    label, graph, key (60 characters of each), size (characters of both), at most 10 rows, longest first
// Plan:       NodeByLabelScan over every label that has a constraint: only after a migration failed
MATCH (n:Node|Entity|Stimulus|AppliedStimulus|Ledger|WeightStats)
WHERE n.graph IS NOT NULL
UNWIND [label IN labels(n) WHERE label IN ['Node', 'Entity', 'Stimulus', 'AppliedStimulus', 'Ledger', 'WeightStats']] AS label
WITH label, toStringOrNull(n.graph) AS graph,
     toStringOrNull(CASE label WHEN 'Ledger' THEN '' WHEN 'WeightStats' THEN n.type ELSE n.id END) AS key
WITH label, graph, key, size(graph) + size(key) AS size
WHERE size > 2000
RETURN label, left(graph, 60) AS graph, left(key, 60) AS key, size
ORDER BY size DESC, label, graph, key
LIMIT 10
