// Purpose:    append an applied migration to the chain, as neo4j-migrations does, while this migrator still holds the lock
// Parameters: lock (its id), previous (the chain's last version, or BASELINE), version, description, source, checksum,
//             took (ms), by (who), user (of the database)
// Returns:    at (RFC 3339), one row; none where the lock is gone or the chain has gone on
// Plan:       NodeUniqueIndexSeek on the lock's id, NodeByLabelScan over the chain
MATCH (lock:__Neo4jMigrationsLock {id: $lock})
SET lock.id = $lock
WITH lock
OPTIONAL MATCH (found:__Neo4jMigration {version: $previous})
WHERE found.migrationTarget IS NULL
WITH lock, count(found) AS found
FOREACH (_ IN CASE WHEN found = 0 AND $previous = 'BASELINE' THEN [1] ELSE [] END |
  CREATE (:__Neo4jMigration {version: 'BASELINE'})
)
WITH lock
MATCH (previous:__Neo4jMigration {version: $previous})
WHERE previous.migrationTarget IS NULL AND NOT (previous)-[:MIGRATED_TO]->()
CREATE (previous)-[step:MIGRATED_TO {
  at: datetime({timezone: 'UTC'}), in: duration({milliseconds: $took}), by: $by, connectedAs: $user
}]->(:__Neo4jMigration {
  version: $version, description: $description, type: 'CYPHER', repeatable: false, source: $source, checksum: $checksum
})
RETURN replace(toString(step.at), '[UTC]', '') AS at
