// Purpose:    let one migrator at a time hold the lock of a database; the constraint of neo4j-migrations, by its name
// Parameters: none
// Returns:    nothing
// Plan:       a change of the schema
CREATE CONSTRAINT __Neo4jMigrationsLock__has_unique_name IF NOT EXISTS
FOR (lock:__Neo4jMigrationsLock) REQUIRE lock.name IS UNIQUE
