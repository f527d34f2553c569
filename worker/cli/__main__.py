"""`python -m worker.cli`: the same as `stridegraph`."""

from worker.cli import main

main()
