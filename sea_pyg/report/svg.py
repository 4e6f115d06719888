"""Pictures in SVG, to stand in an HTML page that has the colours."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from sea_pyg.report.element import Html, element, join

_WIDTH, _ROW, _AXIS = 760, 26, 30
_PANEL_WIDTH, _PANEL_HEIGHT = 270, 170
_POINTS = 200
"""Epochs that a line shows at most; a panel has few more pixels."""


class Bar(NamedTuple):
    """A value with its interval."""

    label: str
    value: float
    low: float
    high: float
    text: str
    """The value and its interval in words."""
    href: str
    kind: str = ""
    """The class of its colour."""


class Line(NamedTuple):
    """A quantity over the epochs."""

    label: str
    points: list[tuple[float, float]]
    href: str
    kind: str = ""
    """The class of its colour."""
    mark: float | None = None
    """The epoch to mark."""


def bar_chart(bars: Sequence[Bar], label: str) -> Html:
    """Draw bars from zero, below each other, with their intervals as whiskers.

    Args:
        bars: The bars, from top to bottom.
        label: What is drawn.
    """
    left = max(len(_clip(bar.label)) for bar in bars) * 7.5 + 12
    right = 62
    ticks = _ticks(0.0, max(max(bar.high, bar.value) for bar in bars))
    height = len(bars) * _ROW

    def x(value: float) -> float:
        return left + (_WIDTH - left - right) * value / ticks[-1]

    parts = [
        join(
            _line("grid", x(tick), 0, x(tick), height),
            _text("tick", x(tick), height + 16, f"{tick:g}", "middle"),
        )
        for tick in ticks
    ]
    for i, bar in enumerate(bars):
        y = (i + 0.5) * _ROW
        low, high = x(bar.low), x(bar.high)
        whisker = f"M{low:.1f} {y - 4}v8M{low:.1f} {y}H{high:.1f}M{high:.1f} {y - 4}v8"
        drawn = [
            element("title", f"{bar.label}: {bar.text}"),
            _text("label", left - 8, y + 4, _clip(bar.label), "end"),
            element(
                "rect",
                x=f"{left:.1f}",
                y=y - 8,
                width=f"{x(bar.value) - left:.1f}",
                height=16,
                rx=2,
                class_=f"bar {bar.kind}".strip(),
            ),
            element("path", d=whisker, class_="whisker"),
            _text("value", max(high, x(bar.value)) + 6, y + 4, f"{bar.value:.4f}"),
        ]
        parts.append(element("a", *drawn, href=bar.href))
    return _svg(parts, _WIDTH, height + _AXIS, label, "bars")


def line_chart(title: str, lines: Sequence[Line], low: float, high: float) -> Html:
    """Draw lines over the epochs in a small panel, for many to stand side by side.

    Args:
        title: The heading.
        lines: The lines; of long ones at most 200 epochs are drawn.
        low: The smallest value that the panel has room for.
        high: The largest value.
    """
    left, top, bottom = 46, 24, 24
    ticks = _ticks(low, high)
    epochs = [epoch for line in lines for epoch, _ in line.points]
    first, last = min(epochs), max(max(epochs), min(epochs) + 1)

    def x(epoch: float) -> float:
        return left + (_PANEL_WIDTH - left - 10) * (epoch - first) / (last - first)

    def y(value: float) -> float:
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return _PANEL_HEIGHT - bottom - (_PANEL_HEIGHT - top - bottom) * share

    parts = [_text("label", left, 14, _clip(title))]
    for tick in ticks:
        parts.append(_line("grid", left, y(tick), _PANEL_WIDTH - 10, y(tick)))
        parts.append(_text("tick", left - 6, y(tick) + 4, f"{tick:g}", "end"))
    for epoch in (first, last):
        anchor = "start" if epoch == first else "end"
        base = _PANEL_HEIGHT - 6
        parts.append(_text("tick", x(epoch), base, f"{epoch:g}", anchor))
    for line in lines:
        shown = [f"{x(n):.1f} {y(value):.1f}" for n, value in _thin(line.points)]
        drawn = [
            element("title", line.label),
            element("path", d="M" + "L".join(shown), class_="line " + line.kind),
        ]
        drawn += [
            element(
                "circle",
                cx=f"{x(epoch):.1f}",
                cy=f"{y(value):.1f}",
                r=3.5,
                class_="mark " + line.kind,
            )
            for epoch, value in line.points
            if epoch == line.mark or len(line.points) == 1
        ]
        parts.append(element("a", *drawn, href=line.href))
    return _svg(parts, _PANEL_WIDTH, _PANEL_HEIGHT, title, "panel")


def _clip(text: str) -> str:
    return text if len(text) <= 32 else text[:31] + "…"


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, math.ceil((len(points) - 1) / (_POINTS - 1)))
    return [*points[:-1:step], points[-1]]


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers around an interval."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    steps = [factor * power for factor in (1, 2, 5, 10)]
    step = next(s for s in steps if (high - low) / s <= most)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [n * step for n in range(first, last + 1)]


def _svg(
    parts: Sequence[str], width: float, height: float, label: str, kind: str
) -> Html:
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group",
        aria_label=label,
        class_=kind,
    )


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Html:
    d = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
    return element("path", d=d, class_=kind)


def _text(kind: str, x: float, y: float, text: str, anchor: str | None = None) -> Html:
    return element(
        "text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=kind, text_anchor=anchor
    )
