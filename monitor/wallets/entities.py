"""Entities: the groups that accepted pairs form, kept up to date by touching only what changed.

The state is the evidence: which pairs are accepted, and who owns what by label. A change (new, stronger or vanished
pairs, other labels) dirties the connected components of the wallets it names; only those are grouped again, by the
function that a rebuild from nothing uses. So the result never depends on the road to it, and a reorg or a changed label
costs what it touches. Nothing is ever un-merged by subtraction.

An entity is named after its earliest seen member, then its lowest address. So a merge keeps the older name, and after a
split the side with that member keeps it; `lineage` tells what became of each name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from monitor.wallets.evidence import PairScore
from monitor.wallets.merging import merge

__all__ = ["Change", "Entities", "lineage"]

Pair = tuple[bytes, bytes]


class Change(NamedTuple):
    """What became of a name: `kind` = merged (into `others`), split (off into `others`), new or gone."""

    kind: str
    name: str
    others: tuple[str, ...]


class Entities:
    """Groups of wallets under a stream of evidence; single wallets are not listed."""

    def __init__(self) -> None:
        self._around: dict[bytes, dict[bytes, PairScore]] = {}
        self._owners: dict[bytes, str] = {}
        self._group: dict[bytes, bytes] = {}

    @property
    def groups(self) -> Mapping[bytes, bytes]:
        """Each linked wallet's group, named by its lowest address."""
        return self._group

    def become(
        self, pairs: Iterable[PairScore], owners: Mapping[bytes, str], wallets: Iterable[bytes] | None = None
    ) -> AbstractSet[bytes]:
        """Take `pairs` and `owners` as all there is now; returns the wallets whose component was grouped again.

        With `wallets`, the pairs are all that end at one of them, and what others have stands.
        """
        now = {(pair.a, pair.b): pair for pair in pairs if pair.accepted}
        looked = self._around if wallets is None else wallets
        held = {(min(one, other), max(one, other)) for one in looked for other in self._around.get(one, ())}
        fresh = [pair for (a, b), pair in now.items() if self._around.get(a, {}).get(b) != pair]
        named = self._owners.keys() | owners.keys()
        told = {wallet: owners.get(wallet) for wallet in named if self._owners.get(wallet) != owners.get(wallet)}
        return self.update(fresh, held - now.keys(), told)

    def update(
        self, fresh: Iterable[PairScore], gone: Iterable[Pair] = (), owners: Mapping[bytes, str | None] | None = None
    ) -> AbstractSet[bytes]:
        """Add or replace pairs, drop `gone` ones, set or (None) unset owners; returns the wallets grouped again.

        A pair that is no longer accepted counts as gone.
        """
        touched: set[bytes] = set()
        for pair in fresh:
            touched |= {pair.a, pair.b}
            if pair.accepted:
                self._around.setdefault(pair.a, {})[pair.b] = pair
                self._around.setdefault(pair.b, {})[pair.a] = pair
            else:
                self._drop(pair.a, pair.b)
        for a, b in gone:
            touched |= {a, b}
            self._drop(a, b)
        for wallet, name in (owners or {}).items():
            touched.add(wallet)
            if name is None:
                self._owners.pop(wallet, None)
            else:
                self._owners[wallet] = name
        return self._regroup(touched)

    def _drop(self, a: bytes, b: bytes) -> None:
        for one, other in ((a, b), (b, a)):
            near = self._around.get(one, {})
            near.pop(other, None)
            if not near:
                self._around.pop(one, None)

    def _regroup(self, touched: AbstractSet[bytes]) -> AbstractSet[bytes]:
        """Group the components of the touched wallets anew; those they left are reached from the other end."""
        done: set[bytes] = set()
        for start in touched:
            if start in done:
                continue
            component = self._component(start)
            done |= component
            for wallet in component:
                self._group.pop(wallet, None)
            pairs = {pair for wallet in component for pair in self._around.get(wallet, {}).values()}
            self._group.update(merge(pairs, self._owners))
        return done

    def _component(self, start: bytes) -> set[bytes]:
        found, rim = {start}, [start]
        while rim:
            for other in self._around.get(rim.pop(), ()):
                if other not in found:
                    found.add(other)
                    rim.append(other)
        return found


def lineage(before: Mapping[bytes, str], after: Mapping[bytes, str]) -> list[Change]:
    """Tell what became of each name between two memberships (wallet → name), in order of names.

    A name that vanished was merged into those that hold its wallets now, or is gone with its wallets; one that stands
    and lost wallets to others was split; one nobody had before is new, unless it came of a split.
    """
    went: dict[str, set[str]] = {name: set() for name in before.values()}
    for wallet, name in before.items():
        if wallet in after:
            went[name].add(after[wallet])
    changes = []
    standing = set(after.values())
    for name, others in went.items():
        if name not in standing:
            changes.append(Change("merged" if others else "gone", name, tuple(sorted(others))))
        elif others - {name}:
            changes.append(Change("split", name, tuple(sorted(others - {name}))))
    came = {other for change in changes for other in change.others}
    changes += [Change("new", name, ()) for name in standing - went.keys() - came]
    return sorted(changes, key=lambda change: (change.name, change.kind))
