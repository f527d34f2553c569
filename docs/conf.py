"""How Sphinx builds these pages: `make docs`. Nothing is fetched, and a warning is an error."""

from __future__ import annotations

from importlib.metadata import version as installed

project = "Stridegraph"
version = release = installed("stridegraph")
extensions = ["myst_parser"]
exclude_patterns = ["**/_*.md"]  # parts that a page includes
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
html_show_copyright = False
