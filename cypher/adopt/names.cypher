// Purpose:    read which labels and relationship types are in use
// Parameters: none
// Returns:    labels, types: lists, one row
// Plan:       no access to the graph
CYPHER 5
CALL db.labels() YIELD label
WITH collect(label) AS labels
CALL () {
  CALL db.relationshipTypes() YIELD relationshipType
  RETURN collect(relationshipType) AS types
}
RETURN labels, types
