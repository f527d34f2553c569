// When a stimulus was applied or rejected: those of long ago are dropped, and must be found without a look at the others.
CREATE INDEX stridegraph_applied_stimulus_age IF NOT EXISTS
FOR (s:AppliedStimulus) ON (s.graph, s.taken_at);

CREATE INDEX stridegraph_rejected_stimulus_age IF NOT EXISTS
FOR (s:RejectedStimulus) ON (s.graph, s.taken_at);
