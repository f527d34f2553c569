"""docker-compose.yml and the Dockerfile as files: pinned, closed to the network, in step with the settings."""

import re
from pathlib import Path

import pytest
import yaml

from worker import settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def default(text: str) -> str:
    """What `${NAME:-default}` or `${NAME-default}` gives where nothing is set."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", text)


def test_the_server_is_the_version_that_the_local_one_has():
    assert default(SERVICES["neo4j"]["image"]) == f"neo4j:{settings.DatabaseSettings().version}-community"


def test_the_worker_is_built_from_one_pinned_python():
    pinned = re.search(r"^ARG PYTHON_IMAGE=(python:\d+\.\d+-slim)$", DOCKERFILE, re.MULTILINE)
    assert pinned is not None
    assert default(SERVICES["worker"]["build"]["args"]["PYTHON_IMAGE"]) == pinned[1]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def test_the_worker_waits_for_a_healthy_server():
    assert SERVICES["neo4j"]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES["worker"]["depends_on"] == {"neo4j": {"condition": "service_healthy"}}


def test_only_this_machine_reaches_the_published_ports():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_no_password_stands_in_the_file():
    values = [value for service in SERVICES.values() for value in service["environment"].values()]
    secret = [value for value in values if "PASSWORD" in value]
    assert len(secret) == 2
    assert all(re.fullmatch(r"(neo4j/)?\$\{NEO4J_PASSWORD:\?[^}]+\}", value) for value in secret)
    named = {name for name in SERVICES["worker"]["environment"] if "PASSWORD" in name}
    assert named == {settings.variable("neo4j", "password")}


def test_every_variable_of_the_worker_is_a_setting(monkeypatch: pytest.MonkeyPatch):
    for name, value in SERVICES["worker"]["environment"].items():
        monkeypatch.setenv(name, value)
    assert settings.Settings.read().neo4j.uri == "bolt://neo4j:7687"


def test_the_worker_is_no_root_and_writes_nowhere_but_in_memory():
    worker = SERVICES["worker"]
    assert re.search(r"^USER (?!root)\w+$", DOCKERFILE, re.MULTILINE)
    assert worker["read_only"] is True
    assert worker["tmpfs"] == ["/tmp"]
    assert worker["cap_drop"] == ["ALL"]
    assert worker["security_opt"] == ["no-new-privileges:true"]


def test_everything_starts_again_and_stops_in_its_own_time():
    assert all({"restart", "stop_grace_period"} <= service.keys() for service in SERVICES.values())
    assert SERVICES["worker"]["init"] is True
