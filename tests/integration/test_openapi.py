"""What the OpenAPI document says is so: schemathesis makes requests from it, such as it allows and such as it does not, over HTTP."""

import copy
import http.client
import json
import threading

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from tests.stores import Neo4jStore, fill
from worker.events import Sinks
from worker.graph.neo4j import Neo4jGraph
from worker.health import Health
from worker.loop import Worker
from worker.server.app import PATHS
from worker.server.desk import GraphDesk
from worker.server.serving import Serving
from worker.settings import Settings

EXAMPLES = 4  # of each kind and operation
PATIENCE = 60.0  # s for an answer
WELL = [
    "2xx",
    "404",
    "409",
    "422",
    "503",
]  # 422: an id may be well-formed, and that of no node; 503: the worker is paused


@pytest.fixture
def host(connection):
    """A server on the database, with a worker beside it."""
    fill(Neo4jStore(Neo4jGraph(connection, "default")))
    settings = Settings(pace={"fixed": 1.0}, serve={"port": 0, "rate": 10_000})
    graph = Neo4jGraph(connection, settings.graph)
    health = Health.of([settings.graph], settings.health)
    serving, sinks = Serving({settings.graph: GraphDesk(graph, settings)}, settings.serve, health), Sinks()
    worker = Worker(graph, settings, sinks, prepare=lambda: None, health=health)
    with serving.listener, serving.watching(worker, sinks):
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield serving.listener.url.removeprefix("http://")
        finally:
            worker.stop()
            thread.join()


def described(host, document):
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = f"http://{host}"
    schema.config.checks.positive_data_acceptance.expected_statuses = WELL
    schema.config.checks.not_a_server_error.expected_statuses = ["2xx", "4xx", "503"]
    return schema


def check(operation, mode):
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def all_is_as_told(case):
        case.call_and_validate(timeout=PATIENCE)

    all_is_as_told()


@pytest.mark.neo4j
@pytest.mark.timeout(600)
def test_every_answer_is_one_that_the_document_tells_of(host):
    sent = http.client.HTTPConnection(host)
    sent.request("GET", "/openapi.json")
    document = json.load(sent.getresponse())
    sent.close()
    operations = [found.ok() for found in described(host, document).get_all_operations()]
    assert {operation.path for operation in operations} == {"/", *PATHS} - {"/events", "/openapi.json"}
    for operation in operations:
        takes = operation.path_parameters or operation.query or operation.body
        for mode in GenerationMode if takes else [GenerationMode.POSITIVE]:
            check(operation, mode)

    broken = copy.deepcopy(document)
    del broken["paths"]["/api/top"]["get"]["responses"]["200"]
    with pytest.raises(FailureGroup) as found:
        check(described(host, broken)["/api/top"]["GET"], GenerationMode.POSITIVE)
    assert "Undocumented status code" in str(found.value.exceptions[0])
