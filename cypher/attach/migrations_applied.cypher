// Purpose:    read which migrations the database has, as the chain that neo4j-migrations keeps
// Parameters: none
// Returns:    version, description, source, checksum, at (RFC 3339), one row a migration, in the order of the chain
// Plan:       NodeByLabelScan over the chain itself, a handful of nodes
MATCH path = (baseline:__Neo4jMigration {version: 'BASELINE'})-[:MIGRATED_TO*]->(migration:__Neo4jMigration)
WHERE baseline.migrationTarget IS NULL AND migration.version IS NOT NULL
WITH migration, last(relationships(path)) AS step, length(path) AS place
ORDER BY place
RETURN migration.version AS version, migration.description AS description, migration.source AS source,
       migration.checksum AS checksum, replace(toString(step.at), '[UTC]', '') AS at
