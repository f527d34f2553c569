// Purpose:    read which labels and relationship types are in use
// Parameters: none
// Returns:    what (label, type), name, a row each
// Plan:       no access to the graph
CYPHER 5
CALL db.labels() YIELD label
RETURN 'label' AS what, label AS name
UNION ALL
CALL db.relationshipTypes() YIELD relationshipType
RETURN 'type' AS what, relationshipType AS name
