"""`python docs/page_picture.py`: the pictures of the page, of `stridegraph demo --serve` as it runs; it needs Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SIZE = {"width": 1280, "height": 800}
NODE = "coffee.n.01"
LONG = 120_000  # ms


def main() -> None:
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium")
    command = [sys.executable, "-m", "worker.cli", "demo", "--serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demo:
        try:
            said = next(found for line in demo.stderr if (found := re.search(r"the page is (\S+)", line)))
            with (
                sync_playwright() as playwright,
                playwright.chromium.launch(executable_path=path, args=FLAGS) as browser,
            ):
                for name, scheme in (("page", "light"), ("page-dark", "dark")):
                    _take(browser.new_page(viewport=SIZE, color_scheme=scheme), said[1], IMAGES / f"{name}.png")
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate()


def _take(page, url, file):
    """Save a picture of the page a while after a node was opened; few colours make it small."""
    page.goto(url)
    expect(page.locator("#state")).to_have_text("live", timeout=LONG)
    page.wait_for_function("() => window.page.map.ids.length > 60", timeout=LONG)
    page.wait_for_timeout(15_000)
    page.locator("#search").fill(NODE)
    expect(page.locator("#matches li[aria-selected=true]")).to_be_visible(timeout=LONG)
    page.keyboard.press("Enter")
    expect(page.locator("#panel-links tr").first).to_be_visible(timeout=LONG)
    page.wait_for_timeout(12_000)
    page.locator("#zoom-fit").click()
    page.wait_for_timeout(3_000)
    Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(
        file, optimize=True
    )


main()
