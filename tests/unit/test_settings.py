"""Settings: typed, bounded, documented; wrong ones are refused with key, value and what is allowed."""

import runpy
from pathlib import Path

import pytest

from worker.errors import SettingsError
from worker.settings import Settings

ROOT = Path(__file__).parents[2]

WRONG = [
    ("STRIDE_TICK__ALPHA", "0", "greater than 0"),
    ("STRIDE_TICK__ALPHA", "1.5", "less than or equal to 1"),
    ("STRIDE_TICK__ALPHA", "fast", "valid number"),
    ("STRIDE_TICK__ALPHA", "nan", "less than or equal to 1"),
    ("STRIDE_TICK__THREADS", "0", "greater than or equal to 1"),
    ("STRIDE_SELECT__TOPK", "0", "greater than or equal to 1"),
    ("STRIDE_SELECT__TOPK", "65", "less than or equal to 64"),
    ("STRIDE_SELECT__TOPK", "some", "'all'"),
    ("STRIDE_SELECT__TEMPERATURE", "0", "greater than 0"),
    ("STRIDE_DIFFUSION__IMPL", "magic", "'matrix'"),
    ("STRIDE_GUARDS__BETA", "0.3", "less than or equal to 0.2"),
    ("STRIDE_GUARDS__BETA", "0.01", "greater than or equal to 0.05"),
    ("STRIDE_FANOUT__TASK_MODE", "lazy", "'balanced'"),
    ("STRIDE_FANOUT__FRONTIER_CAP", "10", "greater than or equal to 100"),
    ("STRIDE_FANOUT__SELECTIVE_K", "2", "never falls"),
    ("STRIDE_FANOUT__LOW", "11", "fanout.high"),
    ("STRIDE_DECAY__HALF_LIFE", '{"Memory": -1}', "greater than 0"),
    ("STRIDE_DECAY__HALF_LIFE", "{oops", "valid dictionary"),
    ("STRIDE_DECAY__SETTLE", "0", "greater than 0"),
    ("STRIDE_THRESHOLD__DEFAULT", "-1", "greater than 0"),
    ("STRIDE_VALENCE__CONTEXT", "3", "less than or equal to 2"),
    ("STRIDE_VALENCE__AFFECT", '["a"]', "valid number"),
    ("STRIDE_LEARNING__GATE", "open", "'tiered'"),
    ("STRIDE_PACE__FIXED", "0", "greater than 0"),
    ("STRIDE_PACE__FIXED", "slow", "valid number"),
    ("STRIDE_PACE__MIN", "0.01", "greater than or equal to 0.05"),
    ("STRIDE_PACE__MAX", "3601", "less than or equal to 3600"),
    ("STRIDE_PACE__MAX", "0.06", "pace.min must not be over pace.max"),
    ("STRIDE_PACE__SMOOTHING", "0", "greater than 0"),
    ("STRIDE_PACE__DT_MAX", "0", "greater than 0"),
    ("STRIDE_LEASE__TTL", "0.1", "greater than or equal to 1"),
    ("STRIDE_DATABASE__PORT", "70000", "less than or equal to 65535"),
    ("STRIDE_DATABASE__MEMORY", "lots", "pattern"),
    ("STRIDE_GRAPH", "", "at least 1"),
    ("STRIDE_RESIDENT__MAX_LINKS", "1", "greater than or equal to 1000"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_refused_with_name_value_and_range(monkeypatch, name, value, allowed):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Settings.read()
    message = str(refused.value)
    assert message.startswith(name)
    assert allowed in message
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "near"), [("STRIDE_TICK__ALPH", "STRIDE_TICK__ALPHA"), ("STRIDE_GRAF", "STRIDE_GRAPH")]
)
def test_a_name_that_is_none_is_refused_with_the_nearest(monkeypatch, name, near):
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=near):
        Settings.read()


def test_a_secret_is_never_shown(monkeypatch):
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", "hunter2")
    settings = Settings.read()
    assert settings.neo4j.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    monkeypatch.setenv("STRIDE_NEO4J__TIMEOUT", "hunter3")
    with pytest.raises(SettingsError) as refused:
        Settings.read()
    assert "hunter2" not in str(refused.value)


def test_a_password_may_look_like_json(monkeypatch):
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", '["x"]')
    assert Settings.read().neo4j.password.get_secret_value() == '["x"]'


def test_lists_and_tables_are_json(monkeypatch):
    monkeypatch.setenv("STRIDE_VALENCE__GOAL", "[1, 0.5]")
    monkeypatch.setenv("STRIDE_DECAY__HALF_LIFE", '{"Task": 60}')
    parameters = Settings.read().physics
    assert parameters.valence.goal == (1.0, 0.5)
    assert parameters.half_life("Task") == 60.0
    assert parameters.half_life("Memory") == 14_400.0


def test_the_reference_page_is_what_the_settings_are():
    made = runpy.run_path(str(ROOT / "docs" / "settings_table.py"))["page"]()
    assert (ROOT / "docs" / "reference" / "settings.md").read_text() == made, "run: make docs-reference"
