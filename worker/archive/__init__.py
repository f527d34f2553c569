"""Snapshots of a graph as files of Parquet, and ticks on them without a database (`docs/how-to/snapshot-and-replay.md`)."""
