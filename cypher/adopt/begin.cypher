// Purpose:    note in the ledger that nodes are adopted into its graph; make it at first
// Parameters: graph; fresh (map): the properties of a new ledger; extent: `whole` where nothing was there under the graph's name;
//             types: of the relationships that are adopted
// Returns:    extent, one row
// Plan:       one seek of the ledger by its unique key
CYPHER 5
MERGE (l:Ledger {graph: $graph})
ON CREATE SET l += $fresh
SET l.adopted = coalesce(l.adopted, $extent),
    l.adopted_types = coalesce(l.adopted_types, []) + [type IN $types WHERE NOT type IN coalesce(l.adopted_types, [])]
RETURN l.adopted AS extent
