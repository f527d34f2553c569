"""What a tick needs of a graph (`port`), and the two that provide it (`neo4j`, `memory`)."""
