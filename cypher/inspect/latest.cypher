// Purpose:    find the reading that the decay clock begins with, in a graph that no worker has counted yet
// Parameters: graph, energy_max; latest: over it, what an energy is given for is no reading
// Returns:    clock, one row
// Plan:       scans the graph's part of the index on (graph, id): a person asks, not a tick
CYPHER 5
MATCH (n:Node)
WHERE n.graph = $graph AND n.id IS :: STRING NOT NULL AND -1e-12 <= n.energy <= $energy_max AND 0 <= n.energy_at <= $latest
  AND n.energy <> 0
RETURN coalesce(max(toFloat(n.energy_at)), 0.0) AS clock
