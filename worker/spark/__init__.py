"""Ticks on a graph that one machine cannot hold, by Apache Spark: `pip install 'stridegraph[spark]'`."""
