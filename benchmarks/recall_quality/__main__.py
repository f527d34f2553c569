"""`python -m benchmarks.recall_quality`: does recall find what is known to belong together? Prints tables, and keeps them as JSON.

Settings and dampings are chosen on one half of the hidden pairs, and all figures are of the other. It needs no database.
"""

from __future__ import annotations

import datetime
import gc
import json
import platform
import time
from collections import defaultdict
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.recall_quality import learning, methods
from benchmarks.recall_quality.held_out import World, answers, asked, excluded, hide, pairs
from benchmarks.recall_quality.metrics import interval, judged
from benchmarks.recall_quality.tables import page
from worker import wordnet
from worker.database.artifacts import fetch

RESULTS = Path(__file__).parents[1] / "results"
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "_does_it_help.md"
SHARE, SEED = 0.01, 20  # of the pairs that are linked
TUNED, REPORTED = 300, 800  # queries, of one half of the pairs and of the other
PROCESSES = 2
DAMPINGS = (0.1, 0.3, 0.5, 0.7, 0.85)
