"""Two pictures of a lead as SVG: its leases over time, and how its wallets hang together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from monitor.export.markup import Html, element
from monitor.views import format as fmt
from monitor.views.clean import terminal

__all__ = ["MOST_LEASES", "MOST_WALLETS", "Bar", "timeline", "web"]

MOST_LEASES = 60
MOST_WALLETS = 40
"""More could not be told apart; the tables have them all."""
_WIDTH, _LEFT, _RIGHT, _LINE, _TOP = 900, 200, 880, 16, 24
_INK, _FAINT, _RUNNING, _ENDED = "#1b1f24", "#99a", "#46c", "#9ab"
_COLUMN, _ROW = 260, 46
_NAME = 28


class Bar(NamedTuple):
    """A lease in the timeline: from when to when in seconds, and whether it was still held."""

    name: str
    start: int
    end: int
    held: bool


def timeline(bars: Sequence[Bar]) -> Html:
    """Draw leases one below the other, in the order given: from the first opening to the last end, times in UTC."""
    shown = bars[:MOST_LEASES]
    first, last = min(bar.start for bar in shown), max(bar.end for bar in shown)
    span = max(last - first, 1)

    def place(moment: int) -> int:
        return _LEFT + (moment - first) * (_RIGHT - _LEFT) // span

    height = _TOP + len(shown) * _LINE + 6
    drawn = [
        _text(_LEFT, 14, fmt.time(first) or "", fill=_FAINT),
        _text(_RIGHT, 14, fmt.time(last) or "", fill=_FAINT, text_anchor="end"),
        _line(_LEFT, 18, _RIGHT, 18),
    ]
    for top, bar in zip(count(_TOP, _LINE), shown, strict=False):
        drawn.append(_text(_LEFT - 8, top + 11, terminal(bar.name, _NAME), text_anchor="end"))
        start, end = place(bar.start), place(bar.end)
        fill = _RUNNING if bar.held else _ENDED
        title = element("title", f"{bar.name}: {fmt.time(bar.start)} to {fmt.time(bar.end)}")
        drawn.append(element("rect", title, x=start, y=top + 2, width=max(end - start, 2), height=10, fill=fill))
    return _svg(_WIDTH, height, "Leases over time", drawn)


def web(wallets: Sequence[Mapping[str, Any]]) -> Html:
    """Draw wallets (rows of a dossier) in columns by hops from the anchor, each joined to the one its path comes from.

    Wallets without a path stand in a last column by themselves.
    """
    known = {row["address"]: row for row in reversed(wallets)}
    rows = sorted(known.values(), key=lambda row: (_depth(row), row["address"]))[:MOST_WALLETS]
    deepest = max((_depth(row) for row in rows if row["path"] is not None), default=0)
    columns: dict[int, list[str]] = {}
    for row in rows:
        columns.setdefault(deepest + 1 if row["path"] is None else _depth(row), []).append(row["address"])
    tallest = max(map(len, columns.values()))
    at = {
        address: (20 + _COLUMN * place, 30 + _ROW * tallest * (2 * line + 1) // (2 * len(column)))
        for place, (_, column) in enumerate(sorted(columns.items()))
        for line, address in enumerate(column)
    }
    edges = [part for row in rows if row["path"] for part in _edge(at, row)]
    nodes = [part for row in rows for part in _node(row, *at[row["address"]])]
    return _svg(
        40 + _COLUMN * len(columns), 40 + _ROW * tallest, "Wallets and how they hang together", [*edges, *nodes]
    )


def _depth(row: Mapping[str, Any]) -> int:
    return 1_000 if row["path"] is None else len(row["path"])


def _edge(at: Mapping[str, tuple[int, int]], row: Mapping[str, Any]) -> Iterable[Html]:
    """Draw the last hop of a wallet's path, with its weight at the wallet."""
    hop = row["path"][-1]
    if hop["a"] in at and hop["b"] in at:
        (left, top), (right, bottom) = at[hop["a"]], at[hop["b"]]
        yield _line(left, top, right, bottom)
        ends = at[row["address"]]
        yield _text(ends[0] - 10, ends[1] - 8, f"{hop['bits']} bits", fill=_FAINT, text_anchor="end")


def _node(row: Mapping[str, Any], x: int, y: int) -> Iterable[Html]:
    words = ", ".join([*(row["roles"] or ()), *(row["labels"] or ())])
    yield element(
        "circle", element("title", row["address"]), cx=x, cy=y, r=6, fill=_RUNNING if row["anchor"] else _ENDED
    )
    yield _text(x + 10, y + 4, fmt.short(row["address"]), font_weight="bold" if row["anchor"] else "normal")
    yield _text(x + 10, y + 17, terminal(words, _NAME), fill=_FAINT)


def _line(x1: int, y1: int, x2: int, y2: int) -> Html:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=_FAINT)


def _text(x: int, y: int, said: str, *, fill: str = _INK, **more: str) -> Html:
    return element("text", said, x=x, y=y, fill=fill, **more)


def _svg(width: int, height: int, title: str, drawn: Iterable[Html]) -> Html:
    frame: dict[str, str | int] = {"width": width, "height": height, "font_size": 11, "role": "img"}
    return element("svg", element("title", title), *drawn, viewBox=f"0 0 {width} {height}", **frame)
