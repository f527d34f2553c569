// Purpose:    the constraint that neo4j-migrations puts on its chain, by its name
// Parameters: none
// Returns:    nothing
// Plan:       a change of the schema
CREATE CONSTRAINT unique_version___Neo4jMigration IF NOT EXISTS
FOR (migration:__Neo4jMigration) REQUIRE (migration.version, migration.migrationTarget) IS UNIQUE
