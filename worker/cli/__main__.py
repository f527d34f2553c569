"""`python -m worker.cli`: the same as `stridegraph`."""

from worker.cli import main

if __name__ == "__main__":  # and not where a process of `stridegraph sweep` looks into it
    main()
