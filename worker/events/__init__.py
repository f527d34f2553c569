"""What can be observed of a tick (SPEC §13): wire models and their sinks."""
