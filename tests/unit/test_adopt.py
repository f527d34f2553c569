"""What the words of `stridegraph adopt` mean, and how a number becomes a log-weight."""

import math

import pytest

from worker.cli.adopt import _names, _properties
from worker.errors import InputError, alike, nearest
from worker.graph.transforms import TRANSFORMS, log_weight


@pytest.mark.parametrize(
    ("how", "value", "expected"),
    [
        ("log", 1, 0.0),
        ("log", math.e, 1.0),
        ("log", 0, None),
        ("log", -1.0, None),
        ("log", math.inf, None),
        ("log1p", 0, 0.0),
        ("log1p", math.e - 1, 1.0),
        ("log1p", -0.5, None),
        ("logit", 0.5, 0.0),
        ("logit", 1 / (1 + math.e), -1.0),
        ("logit", 1.0, None),
        ("logit", 0, None),
        ("logit", 1.5, None),
        ("identity", -7, -7.0),
        ("identity", 1e101, None),
        ("identity", math.nan, None),
        ("identity", True, None),
        ("identity", "1", None),
        ("log", [1.0], None),
        ("log", None, None),
    ],
)
def test_a_transform_takes_what_it_says_and_nothing_else(how, value, expected):
    found = log_weight(value, TRANSFORMS[how])
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-15))


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, []),
        (["Memory,Task"], ["Memory", "Task"]),
        (["Memory, Task", "Memory", "Other"], ["Memory", "Task", "Other"]),
        (['"a, b",Task'], ["a, b", "Task"]),
        (['"a ""b""\nc"'], ['a "b"\nc']),
        ([",,"], []),
    ],
)
def test_names_stand_between_commas(given, names):
    assert _names(given) == names


def test_a_list_that_does_not_end_is_refused():
    with pytest.raises(InputError, match="is no list of names"):
        _names(['"Memory,Task'])


def test_a_property_is_for_all_names_or_for_one():
    def found(*given):
        return _properties(given, ["A", "A=B", "C"], "--id-from", "--nodes")

    assert found() == {}
    assert found("key") == {"A": "key", "A=B": "key", "C": "key"}
    assert found("C=own,key") == {"A": "key", "A=B": "key", "C": "own"}
    assert found("A=x", "A=B=y=z") == {"A": "x", "A=B": "y=z"}
    with pytest.raises(InputError, match="'D' is none of --nodes"):
        found("D=key")


def test_what_comes_nearest_is_asked_for_whatever_its_case():
    assert alike("MEMORY", ["Memory", "Task"]) == "did you mean 'Memory'?"
    assert alike("zzz", ["Memory"]) == ""
    assert nearest("zzz", ["Memory"]) == "see `stridegraph top`, or the ids in Neo4j"
