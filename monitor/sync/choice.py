"""Which endpoint gets the next request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Standing", "Turn", "choose"]

NEAR_SECONDS = 2.0
"""Seconds for which a cheaper endpoint is waited for before a dearer one is asked."""
_SLOW = 2.0
"""Times the quickest latency from which an endpoint comes after those that are quicker."""


class Standing(NamedTuple):
    """What decides about one endpoint: its `place` in the configuration, its `cost`, how many seconds to `wait`.

    `free` when its window has room; `tried` how often this question was put to it; `lacks` when it is known not to have
    the block or the method; `trails` when others have newer blocks than it has, and such are asked for; `latency` in
    seconds, 0 when unknown.
    """

    place: int
    cost: int
    wait: float
    free: bool
    tried: int = 0
    lacks: bool = False
    trails: bool = False
    latency: float = 0.0


class Turn(NamedTuple):
    """The endpoint at `place` is to be asked now; None: nobody yet, decide anew after `wait` seconds."""

    place: int | None
    wait: float = 0.0


def choose(standings: Sequence[Standing]) -> Turn:
    """Choose among endpoints: who has what is asked for, was tried least, does not trail, is cheap, free, quick, first.

    An endpoint whose window is full is worth waiting for, or spills over to another of the same cost; a dearer one is
    asked only while no cheaper one can be within NEAR_SECONDS. Nobody waits longer than that before it is decided anew:
    who lacks a block now may have it then.
    """
    able = [one for one in standings if not one.lacks] or list(standings)
    near = [one for one in able if one.wait <= NEAR_SECONDS] or [min(able, key=lambda one: one.wait)]
    best = min(map(_rank, near))
    tier = [one for one in near if _rank(one) == best]
    ready = [one for one in tier if one.wait <= 0 and one.free]
    if ready:
        quickest = min(one.latency for one in ready)
        return Turn(min(ready, key=lambda one: (one.latency > _SLOW * quickest, one.place)).place)
    return Turn(None, min([NEAR_SECONDS, *(one.wait for one in tier if one.wait > 0)]))


def _rank(one: Standing) -> tuple[int, bool, int]:
    return one.tried, one.trails, one.cost
