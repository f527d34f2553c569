// Purpose:    let a migration lock be named by its id; the constraint of neo4j-migrations, by its name
// Parameters: none
// Returns:    nothing
// Plan:       a change of the schema
CREATE CONSTRAINT __Neo4jMigrationsLock__has_unique_id IF NOT EXISTS
FOR (lock:__Neo4jMigrationsLock) REQUIRE lock.id IS UNIQUE
