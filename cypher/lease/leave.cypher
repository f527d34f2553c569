// Purpose:    let a process be known no longer
// Parameters: holder
// Returns:    nothing
// Plan:       one seek by the unique key
CYPHER 5
MATCH (p:StrideProcess {holder: $holder})
DELETE p
