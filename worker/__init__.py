"""Stridegraph: moves activation through a knowledge graph that lives in Neo4j."""
