// What must be unique, and how the pending stimuli are found oldest first. Energy has no index on purpose:
// it would make the writes of every tick three times slower.

CREATE CONSTRAINT stridegraph_node IF NOT EXISTS
FOR (n:Node) REQUIRE (n.graph, n.id) IS UNIQUE;

CREATE CONSTRAINT stridegraph_entity IF NOT EXISTS
FOR (e:Entity) REQUIRE (e.graph, e.id) IS UNIQUE;

CREATE CONSTRAINT stridegraph_stimulus IF NOT EXISTS
FOR (s:Stimulus) REQUIRE (s.graph, s.id) IS UNIQUE;

// A consumed stimulus changes its label from Stimulus to this one: so no id is ever applied twice.
CREATE CONSTRAINT stridegraph_applied_stimulus IF NOT EXISTS
FOR (s:AppliedStimulus) REQUIRE (s.graph, s.id) IS UNIQUE;

CREATE CONSTRAINT stridegraph_ledger IF NOT EXISTS
FOR (l:Ledger) REQUIRE l.graph IS UNIQUE;

CREATE CONSTRAINT stridegraph_weight_stats IF NOT EXISTS
FOR (w:WeightStats) REQUIRE (w.graph, w.type) IS UNIQUE;

CREATE INDEX stridegraph_stimulus_queue IF NOT EXISTS
FOR (s:Stimulus) ON (s.graph, s.created_at);
