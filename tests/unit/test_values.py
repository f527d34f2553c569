"""Values of Neo4j that JSON has not: they are told all the same."""

import neo4j.spatial
import neo4j.time
import orjson
import pytest

from worker.graph.values import in_json


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (neo4j.time.DateTime(2026, 12, 1, 1, 2, 3), "2026-12-01T01:02:03.000000000"),
        (neo4j.time.Date(2026, 12, 1), "2026-12-01"),
        (neo4j.time.Duration(days=2), "P2D"),
        (b"ab", "YWI="),
        (neo4j.spatial.CartesianPoint((1.0, 2.0)), [1.0, 2.0]),
        ({"any"}, "{'any'}"),
    ],
)
def test_each_is_told_by_its_most_common_form(value, told):
    assert orjson.loads(orjson.dumps({"x": value}, default=in_json)) == {"x": told}
