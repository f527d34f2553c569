"""Stridegraph: activation that moves through a knowledge graph in Neo4j, and what it makes one think of."""

from worker.api import AsyncStridegraph, Stridegraph
from worker.errors import InputError, StrideError
from worker.graph.seeds import Property, Text, Vector
from worker.recall import Activation, Step
from worker.recalls import Hit, Recall
from worker.settings import Settings

__all__ = [
    "Activation",
    "AsyncStridegraph",
    "Hit",
    "InputError",
    "Property",
    "Recall",
    "Settings",
    "Step",
    "StrideError",
    "Stridegraph",
    "Text",
    "Vector",
]
