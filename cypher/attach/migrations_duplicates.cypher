// Purpose:    name the keys that several nodes share, once a constraint could not be created
// Parameters: none
// Returns:    label, graph, key (null for a Ledger), copies, at most 10 rows
// Plan:       NodeByLabelScan over every label that has a constraint: only after a migration failed
MATCH (n:Node|Entity|Stimulus|AppliedStimulus|Ledger|WeightStats)
WHERE n.graph IS NOT NULL
UNWIND [label IN labels(n) WHERE label IN ['Node', 'Entity', 'Stimulus', 'AppliedStimulus', 'Ledger', 'WeightStats']] AS label
WITH label, n.graph AS graph, CASE label WHEN 'Ledger' THEN null WHEN 'WeightStats' THEN n.type ELSE n.id END AS key
WHERE label = 'Ledger' OR key IS NOT NULL
WITH label, graph, key, count(*) AS copies
WHERE copies > 1
RETURN label, graph, key, copies
ORDER BY label, graph, key
LIMIT 10
