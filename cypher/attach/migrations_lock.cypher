// Purpose:    take the migration lock, or learn who holds it
// Parameters: lock_name (one a database), id (of this try), by (who tries)
// Returns:    id, by, at (RFC 3339) of the lock that stands now, one row; `by` and `at` are null for another program's
// Plan:       NodeUniqueIndexSeek on the lock's name
MERGE (lock:__Neo4jMigrationsLock {name: $lock_name})
ON CREATE SET lock.id = $id, lock.by = $by, lock.at = datetime({timezone: 'Z'})
RETURN lock.id AS id, lock.by AS by, toString(lock.at) AS at
