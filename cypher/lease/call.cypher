// Purpose:    make a process known that shares graphs with others, and count those that share the same; forget the long dead
// Parameters: graphs, sorted; holder; ttl: seconds; long: milliseconds over its time after which one is forgotten
// Returns:    rank (how many are older), processes, one row
// Plan:       a seek by the unique key, and two by the index on `graphs`; a few times a lease, never in a tick
CYPHER 5
MERGE (p:StrideProcess {holder: $holder})
ON CREATE SET p.since = datetime.realtime().epochMillis
WITH p, datetime.realtime().epochMillis AS now
SET p.graphs = $graphs, p.ttl = toInteger($ttl * 1000), p.expires = now + toInteger($ttl * 1000)
WITH p, now
CALL {
  WITH now
  MATCH (gone:StrideProcess) WHERE gone.graphs = $graphs AND NOT now - $long <= gone.expires <= now + gone.ttl
  DELETE gone
}
MATCH (other:StrideProcess) WHERE other.graphs = $graphs AND now <= other.expires <= now + other.ttl
RETURN count(CASE WHEN other.since < p.since OR (other.since = p.since AND other.holder < p.holder) THEN 1 END) AS rank,
       count(*) AS processes
