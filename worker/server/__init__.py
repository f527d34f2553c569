"""HTTP beside the workers of a process, or without any: metrics, events, questions and control.

It runs on one thread of its own, and no tick waits for it: the sinks hand over what they have, and whoever is too slow loses
events, not time. Imported only where it is asked for: it takes a second to load.
"""
