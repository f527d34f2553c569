"""The page of `stridegraph compare --html` in a real browser, from a file: on a desk, on a phone, in the dark and on paper."""

import re

import pytest

from tests.acceptance.test_page import AXE, DESK, PHONE, browser, open_page  # noqa: F401  (fixtures)
from tests.unit.test_compare_page import HOSTILE, made

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PAPER = {"width": 688, "height": 1017}  # A4 less the margins of the page, CSS pixels
WIDE = "() => [...document.querySelectorAll('svg, table, p, h1, h2, dd, figcaption')].filter(e => !e.closest('.wide') && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 200))"
SMALL = (
    "() => [...document.querySelectorAll('figure text')].map(e => e.getBoundingClientRect().height).filter(h => h < 8)"
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page of a graph whose names would break out of it."""
    path = tmp_path_factory.mktemp("compared") / "compared.html"
    path.write_text(made(ticks=300, name=HOSTILE, diffusion={"impl": "matrix"})[0], encoding="utf-8")
    return path


@pytest.fixture
def shown(open_page, file):  # noqa: F811
    """Open the page and nothing else; in the end nothing was fetched, and nothing was said."""
    pages = []

    def shown(**more):
        page = open_page("about:blank", **more)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri())
        pages.append(page)
        return page

    yield shown
    for page in pages:
        assert page.asked == [file.as_uri()]
        assert page.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_it_can_be_read_by_all_on_a_screen(shown, viewport, scheme):
    page = shown(viewport=viewport, color_scheme=scheme, bypass_csp=True, offline=True)
    assert page.locator("figure svg[role=img]").count() == 6
    assert page.evaluate("() => document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(WIDE) == []
    assert page.evaluate(SMALL) == []
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run()")
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == []
    assert len(found["passes"]) > 10


def test_it_prints_on_a4_with_nothing_cut_off(shown):
    page = shown(viewport=PAPER, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PAPER["width"]
    assert page.evaluate(WIDE.replace("!e.closest('.wide') && ", "")) == []
    heights = page.evaluate("() => [...document.querySelectorAll('figure')].map(e => e.getBoundingClientRect().height)")
    assert len(heights) == 6
    assert max(heights) < PAPER["height"]
    sheets = page.pdf(prefer_css_page_size=True, format="A4")
    assert sheets.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type */Page\b", sheets)) <= 6
