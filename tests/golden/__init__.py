"""Small recordings that must be replayed bit for bit: by this program, by any later one, and by the naive twin to 1e-12."""
