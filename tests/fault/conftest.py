"""What the tests of faults share."""

import pytest

from tests.fault.processes import graph


@pytest.fixture
def disturbed(connection):
    """A small random graph, for a run that something interrupts."""
    return graph(connection)
