"""What `make bench` measures: ratios taken in one run, competitors in turns (docs/explanation/performance.md says how)."""
