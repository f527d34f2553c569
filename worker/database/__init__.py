"""A real Neo4j on this machine, without Docker: fetched, verified, started, stopped."""
