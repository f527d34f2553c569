// Purpose:    give a migration lock back
// Parameters: id (of the lock)
// Returns:    nothing
// Plan:       NodeUniqueIndexSeek on the lock's id
MATCH (lock:__Neo4jMigrationsLock {id: $id})
DELETE lock
