"""Requests that OpenAPI allows, and ones that it does not, by the hundred: no answer is a 500, each is what OpenAPI says."""

import pytest
from schemathesis import checks

from tests.served import graph_of, serving

EXAMPLES = 12  # of each operation and mode: the whole of it takes seconds
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def there():
    with serving(graph_of(20), pace=3600.0) as there, there.working():
        yield there
