"""What the workers of tests are copies of: a process in which all is imported and compiled, so that they start at once.

Each is a process with a life of its own: its environment, arguments and output are set as a shell would. What only a new
interpreter can take in (a library that is to be loaded before all others) starts one, under the same number.
"""

import importlib
import os
import sys

from tests.stores import compile_kernels
from worker import faults
from worker.cli import app, main  # noqa: F401  (`app`: all commands, imported once for all copies)


def become(arguments, env, output, fresh):
    """Make this process a `stridegraph` with these arguments, that prints to this end of a pipe."""
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    if fresh:
        os.execve(sys.executable, [sys.executable, "-m", "worker.cli", *arguments], env)
    os.environ.clear()
    os.environ.update(env)
    importlib.reload(faults)  # they read the environment when they are imported
    sys.argv = ["stridegraph", *arguments]
    main()


compile_kernels()
