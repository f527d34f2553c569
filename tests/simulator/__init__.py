"""The worker over a simulated Neo4j: every order of events, every fault and every clock driven by one seed (RELIABILITY).

`python -m tests.simulator --seed 12345` reruns one seed and prints what happened in it, step by step.
"""
