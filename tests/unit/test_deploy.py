"""What stands in deploy/: Kubernetes and systemd take it, and it names only what there is, metrics too."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from worker.cli.app import app
from worker.events.metrics import PREFIX, TABLE
from worker.settings import Settings, _paths, variable

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "systemd" / "stridegraph.service"
KUBERNETES = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
OBJECTS = [found for path in KUBERNETES for found in yaml.safe_load_all(path.read_text())]
OLDEST = "1.27"  # of Kubernetes
EXPOSED = 20  # tenths, of what `systemd-analyze security` calls exposure: up to here it says OK


def one(kind):
    (found,) = [found for found in OBJECTS if found["kind"] == kind]
    return found


def worker():
    (found,) = one("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("found", OBJECTS, ids=lambda found: found["kind"])
def test_kubernetes_takes_it(found, version):
    kubernetes_validate.validate(found, version, strict=True)


def test_the_validation_refuses_what_is_wrong():
    wrong = {**one("PodDisruptionBudget"), "spek": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_two_workers_of_which_one_may_go():
    deployment, budget = one("Deployment")["spec"], one("PodDisruptionBudget")["spec"]
    assert (deployment["replicas"], budget["minAvailable"]) == (2, 1)
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == labels


def test_what_is_run_are_commands_that_there_are():
    commands = get_command(app).commands
    probes = [worker()[f"{name}Probe"]["exec"]["command"] for name in ("startup", "liveness", "readiness")]
    started = [
        ["stridegraph", *worker()["args"]],
        re.search(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)[1].split(),
    ]
    for program, name, *options in probes + started:
        assert Path(program).name == "stridegraph"
        assert set(options) <= {option for parameter in commands[name].params for option in parameter.opts}
    assert probes[2] == ["stridegraph", "health", "--ready"]


def test_only_settings_that_there_are():
    known = {variable(*path) for path in _paths(Settings)}
    named = {name for path in (*KUBERNETES, UNIT) for name in re.findall(r"STRIDE_\w+", path.read_text())}
    assert len(named) >= 5
    assert named <= known


def test_each_file_that_is_named_lies_in_a_folder_that_is_there():
    folders = [mount["mountPath"] for mount in worker()["volumeMounts"]]
    data = one("ConfigMap")["data"]
    assert {
        str(Path(path).parent) for path in (data["STRIDE_NEO4J__PASSWORD_FILE"], data["STRIDE_HEALTH__FILE"])
    } <= set(folders)
    volumes = {volume["name"] for volume in one("Deployment")["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in worker()["volumeMounts"]} == volumes


def test_no_worker_is_root():
    user = one("Deployment")["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    docker = (ROOT / "Dockerfile").read_text()
    assert f"USER {user}\n" in docker
    assert f"useradd --uid {user} " in docker


@pytest.fixture
def unit(tmp_path):
    """The unit, where its program is this one: systemd looks whether it is there."""
    if not shutil.which("systemd-analyze"):
        assert not os.environ.get("CI"), "systemd is to be there: see .ci/run"
        pytest.skip("there is no systemd-analyze here")
    made = tmp_path / UNIT.name
    made.write_text(UNIT.read_text().replace("/opt/stridegraph/bin/stridegraph", sys.executable))
    return made


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


def test_systemd_takes_it(unit):
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, unit.name in done.stderr) == (0, False), done.stderr
    unit.write_text(unit.read_text().replace("Type=notify", "Type=notice"))
    assert "Type=notice" in (refused := analyze("verify", "--man=no", str(unit)).stderr) or "notice" in refused


def test_systemd_calls_it_little_exposed(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSED}", str(unit))
    assert done.returncode == 0, done.stdout
    unit.write_text(re.sub(r"^(Protect|Restrict).*$", "", unit.read_text(), flags=re.MULTILINE))
    assert analyze("security", "--offline=true", f"--threshold={EXPOSED}", str(unit)).returncode != 0


# What Prometheus and Grafana are told

RULES = ROOT / "deploy" / "prometheus" / "stridegraph.rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "stridegraph.json"
BY_NAME = {PREFIX + row.name: row for row in TABLE}
OF_PROMETHEUS = {"instance", "job"}


def rules():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions():
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def metric_of(name):
    """The row that a name in an expression is of."""
    kind, base = "", name
    if name not in BY_NAME:
        base, _, kind = name.rpartition("_")
        assert kind in {"bucket", "sum", "count"}, name
        assert BY_NAME[base].kind == "histogram", name
    return BY_NAME[base], kind


@pytest.mark.parametrize("expression", expressions())
def test_only_metrics_and_labels_that_there_are(expression):
    found = re.findall(r"stridegraph_\w+", expression)
    assert found
    labels = {label for name in found for label in metric_of(name)[0].labels} | {"graph"} | OF_PROMETHEUS
    labels |= {"le"} if any(metric_of(name)[1] == "bucket" for name in found) else set()
    grouped = [
        label.strip() for inner in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression) for label in inner.split(",")
    ]
    matched = re.findall(r"[{,]\s*(\w+)\s*[=!]", expression)
    assert {*grouped, *matched} - {""} <= labels
    assert all(expression.count(a) == expression.count(b) for a, b in ("()", "{}", "[]"))
    for name in found:  # a counter is looked at by how fast it grows
        if metric_of(name)[0].kind == "counter":
            assert re.search(rf"\b(rate|increase)\({name}\b", expression), expression


def test_every_metric_is_on_the_dashboard():
    shown = {
        metric_of(name)[0].name
        for panel in panels()
        for target in panel["targets"]
        for name in re.findall(r"stridegraph_\w+", target["expr"])
    }
    assert {row.name for row in TABLE} - shown == set()


def test_panels_lie_side_by_side():
    taken = set()
    whole = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in whole}) == len(whole)
    for panel in whole:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells
        taken |= cells


def test_each_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do():
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert "$labels.graph" in rule["annotations"]["summary"]
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert re.search(rf"\bby \([^)]*\b{label}\b", rule["expr"]), rule["alert"]


# each alert: what is measured, a value a minute; when it is quiet, when it comes, and the labels it comes with
MEASURED = {
    "StridegraphNobodyHoldsTheGraph": ({'lease_held{graph="g",instance="a"}': "1 0x9", 'lease_held{graph="g",instance="b"}': "0x9"}, 2, 4, {}),
    "StridegraphNoTicks": ({'ticks_total{graph="g"}': "7x20", 'lease_held{graph="g"}': "1x20"}, 4, 8, {}),
    "StridegraphBooksOff": (
        {'conservation_error{graph="g",instance="a",job="s"}': "0 1", 'energy{graph="g",instance="a",job="s",type="*"}': "5 5"}, 0, 1,
        {"instance": "a", "job": "s"},
    ),
    "StridegraphQuarantine": ({'nodes_quarantined{graph="g"}': "8 11x5", 'nodes_held{graph="g"}': "2000x6"}, 1, 3, {}),
    "StridegraphHeldUp": (
        {'held_up_total{graph="g",reason="database"}': "0+3x20", 'held_up_total{graph="g",reason="restaged"}': "0+90x20"}, 2, 12,
        {"reason": "database"},
    ),
    "StridegraphTakeovers": ({'lease_takeovers_total{graph="g"}': "0+1x30"}, 2, 20, {}),
    "StridegraphStimuliWait": ({'stimuli_pending{graph="g"}': "500x10 2000x15"}, 15, 22, {}),
    "StridegraphSlowTicks": (
        {f'tick_seconds_bucket{{graph="g",le="{le}"}}': f"0+{ticks}x30" for le, ticks in (("5", 1), ("10", 10), ("+Inf", 10))}, 9, 20,
        {},
    ),
    "StridegraphEventsDropped": ({'events_dropped_total{graph="g",sink="file"}': "0x4 1x10"}, 4, 6, {"sink": "file"}),
}  # fmt: skip


@pytest.fixture
def promtool():
    if not shutil.which("promtool"):
        assert not os.environ.get("CI"), "promtool is to be there: see .ci/run"
        pytest.skip("there is no promtool here")
    return lambda *arguments: subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)


def asked(rule):
    """What promtool is to see of an alert."""
    series, quiet, comes, labels = MEASURED[rule["alert"]]
    labels = {"graph": "g", **labels}
    told = {
        name: re.sub(r"\{\{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
        for name, text in rule["annotations"].items()
    }
    alert = {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": told}
    return {
        "interval": "1m",
        "input_series": [{"series": PREFIX + name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"alertname": rule["alert"], "eval_time": f"{at}m", "exp_alerts": alerts}
            for at, alerts in ((quiet, []), (comes, [alert]))
        ],
    }


def test_prometheus_raises_each_alert_in_its_time(promtool, tmp_path):
    assert MEASURED.keys() == {rule["alert"] for rule in rules()}
    found = promtool("check", "rules", str(RULES))
    assert (found.returncode, f"{len(MEASURED)} rules found" in found.stdout) == (0, True), found.stderr
    file = tmp_path / "rules.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [asked(rule) for rule in rules()]}))
    found = promtool("test", "rules", str(file))
    assert found.returncode == 0, found.stdout + found.stderr
    file.write_text(file.read_text().replace("1 0x9", "1x9"))
    assert promtool("test", "rules", str(file)).returncode != 0, "what is expected does count"


def test_prometheus_reads_what_the_dashboard_asks(promtool, tmp_path):
    asks = [target["expr"] for panel in panels() for target in panel["targets"]]
    recorded = [{"record": f"r{k}", "expr": ask.replace("$__rate_interval", "5m")} for k, ask in enumerate(asks)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": recorded}]}))
    found = promtool("check", "rules", str(file))
    assert found.returncode == 0, found.stdout + found.stderr
    file.write_text(file.read_text().replace("rate(", "rate(("))
    assert promtool("check", "rules", str(file)).returncode != 0
