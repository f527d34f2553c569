"""Settings: typed, bounded, documented; wrong ones are refused with key, value and what is allowed."""

import runpy
from pathlib import Path

import pytest

from worker.errors import SettingsError
from worker.settings import Settings, assigned

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
    ("STRIDE_HEALTH__INTERVAL", "0.01", "greater than or equal to 0.1"),
    ("STRIDE_HEALTH__STARTUP", "0", "greater than or equal to 1"),
    ("STRIDE_STIMULUS__KEEP", "0", "greater than or equal to 1"),
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


def test_a_password_may_stand_in_a_file(monkeypatch, tmp_path):
    path = tmp_path / "password"
    path.write_text("hunter 2\n")
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD_FILE", str(path))
    settings = Settings.read()
    assert settings.neo4j.password.get_secret_value() == "hunter 2"
    assert "hunter" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("content", "password", "name", "says"),
    [
        (None, "", "STRIDE_NEO4J__PASSWORD_FILE", "the file cannot be read: No such file or directory"),
        (b"\n", "", "STRIDE_NEO4J__PASSWORD_FILE", "the file is empty"),
        (b"\xff\xfe", "", "STRIDE_NEO4J__PASSWORD_FILE", "the file is not UTF-8 text"),
        (b"one", "two", "STRIDE_NEO4J__PASSWORD", "give this or STRIDE_NEO4J__PASSWORD_FILE, not both"),
    ],
)
def test_a_password_file_that_is_none_is_refused(monkeypatch, tmp_path, content, password, name, says):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD_FILE", str(path))
    if password:
        monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", password)
    with pytest.raises(SettingsError) as refused:
        Settings.read()
    shown = "(not shown)" if password else repr(str(path))
    assert str(refused.value).startswith(f"{name} = {shown}: {says}")
    assert "two" not in str(refused.value)


def test_lists_and_tables_are_json(monkeypatch):
    monkeypatch.setenv("STRIDE_VALENCE__GOAL", "[1, 0.5]")
    monkeypatch.setenv("STRIDE_DECAY__HALF_LIFE", '{"Task": 60}')
    parameters = Settings.read().physics
    assert parameters.valence.goal == (1.0, 0.5)
    assert parameters.half_life("Task") == 60.0
    assert parameters.half_life("Memory") == 14_400.0


def test_changes_are_written_as_key_and_value():
    given = ["select.topk = all", 'diffusion.impl="matrix"', 'decay.half_life={"Task": 60}', "graph=g", "select.topk=7"]
    settings = Settings.read(**assigned(given))
    assert (settings.select.topk, settings.diffusion.impl, settings.graph) == (7, "matrix", "g")
    assert settings.decay.half_life == {"Task": 60.0}
    assert assigned(['graph="g', "tick.alpha="]) == {"graph": '"g', "tick": {"alpha": ""}}


def test_changes_stand_on_top_of_the_environment(monkeypatch):
    monkeypatch.setenv("STRIDE_TICK__ALPHA", "0.5")
    monkeypatch.setenv("STRIDE_TICK__THREADS", "2")
    monkeypatch.setenv("STRIDE_DECAY__HALF_LIFE", '{"Memory": 5}')
    settings = Settings.read(**assigned(["tick.alpha=0.25", 'decay.half_life={"Task": 60}']))
    assert (settings.tick.alpha, settings.tick.threads) == (0.25, 2)
    assert settings.decay.half_life == {"Task": 60.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("select.topp=1", "did you mean select.topk"),
        ("select=1", "select: there is no such setting"),
        ("graph.name=1", "graph.name: there is no such setting"),
        ("=1", ": there is no such setting"),
        ("select.topk", "it is not KEY=VALUE"),
    ],
)
def test_a_change_of_nothing_is_refused(text, says):
    with pytest.raises(SettingsError) as refused:
        assigned([text])
    assert says in str(refused.value)


def test_the_reference_page_is_what_the_settings_are():
    made = runpy.run_path(str(ROOT / "docs" / "settings_table.py"))["page"]()
    assert (ROOT / "docs" / "reference" / "settings.md").read_text() == made, "run: make docs-reference"
