// Purpose:    tell whether anything is there under the name of a graph
// Parameters: graph
// Returns:    exists, one row
// Plan:       seeks in the indexes that begin with `graph`, no further than their first entry
CYPHER 5
RETURN EXISTS { (l:Ledger) WHERE l.graph = $graph }
    OR EXISTS { (n:Node) WHERE n.graph = $graph AND n.id IS NOT NULL }
    OR EXISTS { (e:Entity) WHERE e.graph = $graph AND e.id IS NOT NULL }
    OR EXISTS { (w:WeightStats) WHERE w.graph = $graph AND w.type IS NOT NULL }
    OR EXISTS { (s:Stimulus) WHERE s.graph = $graph AND s.id IS NOT NULL }
    OR EXISTS { (a:AppliedStimulus) WHERE a.graph = $graph AND a.id IS NOT NULL }
    OR EXISTS { (v:Visits) WHERE v.graph = $graph } AS exists
