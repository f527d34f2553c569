"""The page in a real browser: on a worker and a database that are stopped and started under it, and with whatever a graph may hold."""

import os
import re
import shutil
import socket
from io import BytesIO
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.conftest import BROWSER, emptied, served
from tests.fault.processes import Process
from tests.served import graph_of, serving
from tests.stores import Neo4jStore, fill
from worker.database import local_server
from worker.graph.memory import MemoryGraph
from worker.graph.neo4j import Neo4jGraph
from worker.settings import DatabaseSettings

pytestmark = pytest.mark.timeout(1500)
AXE = Path(__file__).parent / "axe" / "axe.min.js"
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # WebGL without a graphics card
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SOON = 120_000  # ms
expect.set_options(timeout=SOON)  # a machine that runs everything else beside it is slow
PACE = 0.5  # s: what is seen "within two ticks" is seen within a second
LABEL = "<img src=x onerror=alert(1)>"
TOKEN = "t0ken-of-16-or-more"


@pytest.fixture(scope="module")
def browser():
    """Chromium of this machine."""
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("there is no chromium here")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    """Open a page, and keep what its console says."""
    served[BROWSER] += 1
    contexts = []

    def open_page(url, before="", **more):
        contexts.append(browser.new_context(**{"viewport": DESK, **more}))
        page = contexts[-1].new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: page.said.append(f"dialog: {dialog.message}"))
        page.add_init_script(before)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    jars = local_server(DatabaseSettings()).jars
    made = local_server(DatabaseSettings(home=tmp_path_factory.mktemp("page"), memory="512m"), jars=jars)
    made.up(say=print)
    yield made
    made.down()


def tick(page):
    return int(page.locator("#tick").inner_text().replace(",", ""))


def ticks_on(page, after):
    page.wait_for_function("([after]) => window.page?.store.frame > after", arg=[after], timeout=SOON)


def colours(page):
    """How many colours the map is drawn in: one where nothing is."""
    image = Image.open(BytesIO(page.locator("#map").screenshot())).convert("RGB")
    return len(image.getcolors(1 << 24))


@pytest.mark.neo4j
@pytest.mark.browser
def test_it_draws_a_graph_takes_a_stimulus_and_outlives_worker_and_database(server, open_page):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with emptied(server.up(say=print)) as connection:
        store = Neo4jStore(Neo4jGraph(connection, "default"))
        fill(store)
        store.node(id="far", label=LABEL, type="Memory")
        store.link(
            store.node(id="a/b ?", label="Whole Grain", type="Task", energy=3.0), store.node(id="end"), log_weight=0.5
        )

    def worker():
        settings = {
            "STRIDE_SERVE__PORT": str(port),
            "STRIDE_PACE__FIXED": str(PACE),
            "STRIDE_DECAY__HALF_LIFE": '{"*": 600}',
            "STRIDE_WEIGHT_DECAY__ENABLED": "false",
        }
        return Process(store, more=["--serve"], **settings)

    with worker() as process:
        process.await_line("serve.listening")
        page = open_page(f"http://127.0.0.1:{port}/")
        expect(page.locator("#state")).to_have_text("live", timeout=SOON)
        page.wait_for_function(
            "() => window.page.map.ids.length >= 10 && window.page.map.painter.data.links.count >= 5", timeout=SOON
        )
        expect(page.locator("#empty")).to_be_hidden()
        expect(page.locator("#top button").first).to_be_visible()
        assert colours(page) > 20
        shown = page.evaluate("() => fetch('/api/graph?limit=300').then((found) => found.json())")
        drawn = set(page.evaluate("() => window.page.map.ids"))
        assert {row["id"] for row in shown["nodes"] if row["energy"] > 0.1} <= drawn

        # by keyboard alone: find it, open it, inject
        page.keyboard.press("/")
        page.keyboard.type("<IMG")
        expect(page.locator("#matches li[aria-selected=true]")).to_contain_text(LABEL)
        page.keyboard.press("Enter")
        expect(page.locator("#panel-title")).to_be_focused()
        expect(page.locator("#panel-title")).to_have_text(LABEL)
        page.locator("#amount").fill("25")
        with page.expect_response("**/api/stimuli*") as answered:
            page.locator("#amount").press("Enter")
        assert answered.value.status == 202
        queued = page.evaluate("() => fetch('/api/status').then((found) => found.json())")["tick"]
        seen = page.wait_for_function(
            "() => Number(document.getElementById('panel-energy').textContent) > 20 && window.page.store.frame",
            timeout=SOON,
        ).json_value()
        took = page.evaluate(
            "() => window.page.store.arrived.find(({ stimulus, target }) => stimulus && target === 'far').frame"
        )
        assert took <= queued + 2
        assert seen <= took + 1, "it is seen when it is there"
        expect(page.locator("#why")).to_contain_text("a stimulus of 25 by page")
        expect(page.locator("#top button").first).to_contain_text(LABEL)
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).to_be_hidden()

        page.locator("#top button", has_text="Whole Grain").click()
        expect(page.locator("#panel-links tr")).to_have_count(1, timeout=SOON)
        expect(page.locator("#panel-links tr")).to_contain_text(re.compile(r"^endr0\.[45]\d*-?\d\.\d\d$"))
        page.locator("#pause").click()
        expect(page.locator("#state")).to_have_text("paused", timeout=SOON)
        at = tick(page)
        page.wait_for_timeout(3 * PACE * 1000)
        assert tick(page) == at
        page.locator("#pause").click()
        ticks_on(page, at + 1)
        assert page.said == []

        server.down()
        expect(page.locator("#state")).not_to_have_text("live", timeout=SOON)
        at = tick(page)
        server.up(say=print)
        expect(page.locator("#state")).to_have_text("live", timeout=2 * SOON)
        ticks_on(page, at + 1)
        process.stop()
    expect(page.locator("#state")).to_have_text("disconnected, trying again", timeout=SOON)
    at = tick(page)
    with worker() as process:
        expect(page.locator("#state")).to_have_text("live", timeout=2 * SOON)
        ticks_on(page, at + 1)
        expect(page.locator("#banner")).to_be_hidden()
        order = page.evaluate("() => window.page.map.ids.length")
        assert order >= 10
        process.stop()
    gone = re.compile(r"error: (Failed to load resource|WebSocket connection to .* failed)")  # while nobody was there
    assert [text for text in page.said if not gone.match(text)] == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_by_all(open_page, scheme):
    """Axe finds nothing in the page as it is, with a node open, on a desk and on a phone, where nothing is cut off."""
    with serving(graph_of(60), pace=0.2) as there, there.working():
        for viewport in (DESK, PHONE):
            page = open_page(f"http://{there.host}/", viewport=viewport, color_scheme=scheme, bypass_csp=True)
            expect(page.locator("#state")).to_have_text("live", timeout=SOON)
            page.locator("#top button").first.click()
            page.locator("#search").fill("n00")
            expect(page.locator("#matches li").first).to_be_visible()
            page.add_script_tag(path=AXE)
            found = page.evaluate("() => axe.run()")
            told = [
                (one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]
            ]
            assert told == []
            assert len(found["passes"]) > 20
            assert page.evaluate("() => document.documentElement.scrollWidth") <= viewport["width"]
            assert page.said == []


@pytest.mark.browser
def test_what_it_says_where_there_is_nothing_to_show(open_page):
    with serving(MemoryGraph("g"), token=TOKEN) as there:
        page = open_page(f"http://{there.host}/")
        expect(page.locator("#token")).to_be_visible(timeout=SOON)
        expect(page.locator("#state")).to_have_text("token needed")
        page.locator("#token-text").fill("x" * 20)
        page.keyboard.press("Enter")
        expect(page.locator("#token")).to_be_visible(timeout=SOON)
        page.locator("#token-text").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("#empty-what")).to_have_text("The graph “g” has no nodes.", timeout=SOON)
        there.graph.add_node(id="cold")
        with there.working():
            expect(page.locator("#empty-what")).to_have_text("All is at rest: no node has energy.", timeout=SOON)
            expect(page.locator("#state")).to_have_text("live", timeout=SOON)
        assert [text for text in page.said if "401" not in text] == []


NO_WEBGL = "HTMLCanvasElement.prototype.getContext = new Proxy(HTMLCanvasElement.prototype.getContext, { apply: (get, canvas, given) => given[0] === 'webgl2' ? null : get.apply(canvas, given) })"
AT = """id => { const { map } = window.page, k = map.index.get(id), { scale, origin } = map.view, { left, top } = map.box.getBoundingClientRect();
  return [0, 1].map((axis) => [left, top][axis] + origin[axis] + scale * map.places.parts[4 * k + axis]) }"""
# where names stand, as the shader has it: left, top, right, bottom
NAMES = """() => { const { map } = window.page, { scale, origin } = map.view, { whole, count } = map.painter.data.labels, { parts } = map.places;
  return Array.from({ length: count }, (_, at) => {
    const k = whole[4 * at], told = whole[4 * at + 3], width = told & 4095, side = (told >> 12) & 3, size = parts[4 * k + 2] * Math.sqrt(map.view.zoom);
    const left = origin[0] + scale * parts[4 * k] + [size, -size - width, -width / 2, -width / 2][side];
    const middle = origin[1] + scale * parts[4 * k + 1] + [0, 0, size + 12, -size - 12][side];
    return [left, middle - 9, left + width, middle + 9];
  }) }"""
LOOKS = "() => [window.page.map.view.x, window.page.map.view.y, window.page.map.view.zoom]"


def two_groups():
    """A graph in which energy goes from one entity to another."""
    graph = graph_of(24)
    groups = [graph.add_entity(id=name) for name in ("kitchen", "garden")]
    for k, key in enumerate(list(graph.node)):
        graph.add_member(key, groups[k % 2], weight=1.0)
    return graph


@pytest.mark.browser
def test_the_map_goes_by_mouse_and_keys_and_outlives_its_context(open_page):
    with serving(two_groups(), pace=0.2) as there, there.working():
        page = open_page(f"http://{there.host}/", reduced_motion="reduce")
        expect(page.locator("#flows li").first).to_contain_text(
            re.compile("^(kitchen → garden|garden → kitchen)"), timeout=SOON
        )
        page.wait_for_function(
            "() => window.page.map.ids.length === 24 && performance.now() > window.page.map.rests + 1000", timeout=SOON
        )
        page.evaluate("() => window.page.map.worker.terminate()")  # so that nothing moves by itself
        page.wait_for_function("() => window.page.map.painter.data.labels.count > 6", timeout=SOON)
        names = page.evaluate(NAMES)
        assert not [
            (a, b) for a, b in combinations(names, 2) if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
        ]
        page.mouse.click(*page.evaluate(AT, "n003"))
        expect(page.locator("#panel-title")).to_have_text("n003")
        page.locator("#map").focus()
        for key, changed in (("ArrowLeft", 0), ("ArrowDown", 1), ("+", 2)):
            before = page.evaluate(LOOKS)
            page.keyboard.press(key)
            assert page.evaluate(LOOKS)[changed] != before[changed], key
        page.keyboard.press("0")
        assert page.evaluate(LOOKS) == [0, 0, 1]
        left, top = page.evaluate(AT, "n003")
        page.mouse.move(left, top)
        page.mouse.wheel(0, -400)
        page.wait_for_function("() => window.page.map.view.zoom > 1.5", timeout=SOON)
        assert page.evaluate(AT, "n003") == pytest.approx([left, top], abs=2.0), "it stays under the pointer"
        page.mouse.down()
        page.mouse.move(left + 80, top - 40, steps=4)
        page.mouse.up()
        assert page.evaluate(AT, "n003") == pytest.approx([left + 80, top - 40], abs=2.0)
        expect(page.locator("#panel-title")).to_have_text("n003")

        page.evaluate(
            "() => { window.lost = window.page.map.painter.gl.getExtension('WEBGL_lose_context'); window.lost.loseContext() }"
        )
        ticks_on(page, tick(page) + 1)
        page.evaluate("() => window.lost.restoreContext()")
        page.wait_for_function("() => !window.page.map.painter.gl.isContextLost()", timeout=SOON)
        page.wait_for_timeout(500)
        assert colours(page) > 20
        assert [text for text in page.said if "CONTEXT_LOST" not in text] == []


@pytest.mark.browser
def test_a_browser_without_webgl_says_so_and_shows_the_rest(open_page):
    with serving(graph_of(24), pace=0.2) as there, there.working():
        page = open_page(f"http://{there.host}/", before=NO_WEBGL)
        expect(page.locator("#empty-what")).to_have_text("This browser draws no WebGL.", timeout=SOON)
        page.locator("#top button").first.click()
        expect(page.locator("#panel")).to_be_visible()
        expect(page.locator("#energy-legend")).to_contain_text("moved")
        assert page.said == []
