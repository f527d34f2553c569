// The visits that a tick's commit has noted, until they are written to their nodes together.
CREATE INDEX stridegraph_visits IF NOT EXISTS
FOR (v:Visits) ON (v.graph);
