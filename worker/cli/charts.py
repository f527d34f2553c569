"""Charts as SVG that a page takes in as they are: its colours by class, so that they follow light, dark and paper.

No script, no font and no address; every text is escaped.
"""

from __future__ import annotations

import math
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.physics.model import Floats

WIDE, HIGH = 440, 280
LEFT, RIGHT, TOP, BOTTOM = 68, 12, 24, 40  # room for the axes' texts
BINS = 200  # of a line: each is drawn by its lowest and highest value


class Line(NamedTuple):
    """What is drawn: a line, broken where a value is NaN, or points."""

    css: str  # `a`, `b`, …
    x: Floats
    y: Floats
    points: bool = False


class Axis(NamedTuple):
    """From where to where, and what is written at it."""

    label: str
    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a value stands, from 0 to 1; what is beyond stands at the edge."""
        low, high, value = (
            (math.log10(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5

    def ticks(self) -> list[float]:
        """Return where the axis has a mark: four to six of them."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**i for i in range(first, last + 1, max(1, math.ceil((last - first) / 5)))]
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4.0))
        while (self.high - self.low) / step > 6.0:
            step *= (
                2.0 if (self.high - self.low) / step <= 12.0 else 2.5 if (self.high - self.low) / step <= 15.0 else 5.0
            )
        return [i * step for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


def spanned(label: str, *values: Floats, least: float | None = None) -> Axis:
    """Return a linear axis over all values, from `least` on if it is given, some room above them."""
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    low = least if least is not None else float(every.min(initial=math.inf if len(every) else 0.0))
    high = float(every.max(initial=low))
    if high <= low:
        high = low + (abs(low) or 1.0)
    return Axis(label, low, high + 0.04 * (high - low))


def chart(name: str, told: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """Return a chart; `name` and `told` are what whoever cannot see it is read."""
    parts = [_grid(x, y), *(_drawn(x, y, line) for line in lines)]
    head = f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{text(f"{name}. {told}")}">'
    return "".join([head, *parts, "</svg>"])


def text(value: object) -> str:
    """Return a text as HTML may hold it, with what cannot be seen written out."""
    return escape(plain(str(value)))


def number(value: float) -> str:
    """Return a number as an axis has it."""
    return f"{value:.4g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def thinned(values: Floats) -> np.ndarray:
    """Return the places of the values to draw: all, or the lowest and the highest of each bin, and both ends."""
    if len(values) <= 2 * BINS:
        return np.arange(len(values))
    edges = np.linspace(0, len(values), BINS + 1).astype(int)
    known = np.nan_to_num(values)
    some = [lo + pick(known[lo:hi]) for lo, hi in pairwise(edges.tolist()) for pick in (np.argmin, np.argmax)]
    return np.unique([0, *some, len(values) - 1])


def _place(x: Axis, y: Axis, at: float, value: float) -> tuple[float, float]:
    across = LEFT + x.at(at) * (WIDE - LEFT - RIGHT)
    return across, HIGH - BOTTOM - y.at(value) * (HIGH - TOP - BOTTOM)


def _grid(x: Axis, y: Axis) -> str:
    """Return both axes with their marks and labels."""
    bottom, right = HIGH - BOTTOM, WIDE - RIGHT
    parts = [f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>']
    for value in y.ticks():
        _, v = _place(x, y, x.low, value)
        parts.append(f'<path class="grid" d="M{LEFT} {v:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{v + 4:.1f}" text-anchor="end">{number(value)}</text>')
    for value in x.ticks():
        u, _ = _place(x, y, value, y.low)
        parts.append(f'<path class="axis" d="M{u:.1f} {bottom}v4"/>')
        parts.append(f'<text x="{u:.1f}" y="{bottom + 18}" text-anchor="middle">{number(value)}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HIGH - 4}" text-anchor="middle" class="label">{text(x.label)}</text>')
    parts.append(f'<text x="{LEFT - 6}" y="13" class="label">{text(y.label)}</text>')
    return "".join(parts)


def _drawn(x: Axis, y: Axis, line: Line) -> str:
    some = np.arange(len(line.y)) if line.points else thinned(line.y)
    pairs = zip(line.x[some].tolist(), line.y[some].tolist(), strict=True)
    if line.points:
        dots = (f"M{u:.1f} {v:.1f}h0" for u, v in (_place(x, y, *pair) for pair in pairs if math.isfinite(pair[1])))
        return f'<path class="dots {line.css}" d="{"".join(dots)}"/>'
    path, pen = [], "M"
    for at, value in pairs:
        if not math.isfinite(value):
            pen = "M"
            continue
        u, v = _place(x, y, at, value)
        path.append(f"{pen}{u:.1f} {v:.1f}")
        pen = "L"
    if len(path) == 1:
        path.append("h0")
    return f'<path class="line {line.css}" d="{"".join(path)}"/>'
