"""Stridegraph: activation that moves through a knowledge graph in Neo4j, and what it makes one think of."""

from worker.api import AsyncStridegraph, Stridegraph
from worker.errors import GraphError, InputError, NothingFound, StrideError
from worker.graph.desk import Problems
from worker.graph.seeds import Property, Text, Vector
from worker.recall import Activation, Step
from worker.recalls import Hit, Recall, Seeds
from worker.settings import Settings

__all__ = [
    "Activation",
    "AsyncStridegraph",
    "GraphError",
    "Hit",
    "InputError",
    "NothingFound",
    "Problems",
    "Property",
    "Recall",
    "Seeds",
    "Settings",
    "Step",
    "StrideError",
    "Stridegraph",
    "Text",
    "Vector",
]
