// The processes that share several graphs among them: each by its name, and all of the same graphs.
CREATE CONSTRAINT stridegraph_process IF NOT EXISTS
FOR (p:StrideProcess) REQUIRE p.holder IS UNIQUE;

CREATE INDEX stridegraph_process_graphs IF NOT EXISTS
FOR (p:StrideProcess) ON (p.graphs);
