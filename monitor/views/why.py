"""Why two wallets are together, in words and as rows: what `monitor explain` prints and the dashboard shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import polars as pl

from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.wallets.evidence import ACCEPT_TENTHS
from monitor.wallets.explain import Explanation, Habit, Hop, LinkNote, Told, explain

__all__ = ["MEANING", "UNASKED", "Why", "why", "why_lines", "why_row"]

MEANING = {
    "first_funder": "{x} sent {y} the first value it could act with",
    "shared_funder": "{x} was the first to fund {y} and others",
    "funded_to_lease": "{y} leased soon after {x} funded it, or at the time of others that {x} funded",
    "leased_alike": "{y} leased the product, provider or machine of others that {x} funded",
    "payer": "one paid for a lease of the other",
    "siblings_payer": "one third wallet paid for leases of {y} and of others that {x} funded",
    "sole_owner": "{x} is a Safe, and {y} alone its owner",
    "return_flow": "value went back to who funded or pays for the other",
    "shared_sink": "one sent value on to the other, and so did other renters",
    "siblings_sink": "{y} and others that {x} funded sent value on to one third wallet",
    "bridge_match": "an amount with digits of its own left one over a bridge and reached the other",
    "same_fee": "both keep to the same setting for fees",
    "siblings_fee": "{y} and others that {x} funded keep to the same setting for fees",
    "owner_label": "your labels name one owner of both",
}
"""What each heuristic saw: `x` funded `y` first, or `x` is a Safe and `y` its owner."""
UNASKED = {
    "payer": "anybody can pay for a lease unasked",
    "siblings_payer": "anybody can pay for leases unasked",
    "shared_sink": "anybody can be sent value unasked",
    "sole_owner": "anybody can make a Safe that names another its owner",
}
"""What one side can bring about alone; said where only one acted."""
_IDLE = "the other was not seen to send since, and anybody can be sent value unasked"
_SHOWN = 5
_LONG = 10
"""Hops above which a chain of good links is a weak one all the same."""
_OF_FEES = "wallet software sets fees: a rare one may tell the software more than its user"


class Why(NamedTuple):
    """The explanation of a pair: its ends, their clusters ("" for a wallet nobody knows), what was found."""

    ends: tuple[bytes, bytes]
    clusters: tuple[str, str]
    found: Explanation

    @property
    def together(self) -> bool:
        """Whether both ends are in one cluster."""
        return self.clusters[0] == self.clusters[1] != ""


def why(snapshot: Snapshot, a: bytes, b: bytes) -> Why:
    """Explain a pair by what a snapshot holds."""
    named = snapshot.wallets.filter(pl.col("address").is_in([a, b])).select("address", "cluster_id")
    known: dict[bytes, str] = dict(named.iter_rows())
    found = explain(snapshot.links, a, b, snapshot.habits, snapshot.accounts)
    return Why((a, b), (known.get(a, ""), known.get(b, "")), found)


def why_lines(pair: Why) -> Iterator[str]:
    """Tell it as text, what comes of it first; nothing where no evidence connects the two."""
    found = pair.found
    if not found.hops:
        return
    yield _verdict(pair)
    for hop in found.hops:
        how = "joins them" if hop.accepted else "a mere candidate, joins nobody"
        ends = f"{fmt.address(hop.a)} - {fmt.address(hop.b)}"
        yield f"{ends}: {hop.bits} bits from {', '.join(hop.families)} ({how})"
        for link in hop.links:
            yield from _link_lines(link, hop)
    if found.weakest is not None:
        weakest = f"{fmt.address(found.weakest.a)} - {fmt.address(found.weakest.b)}"
        yield f"weakest hop: {weakest}, {found.weakest.bits} bits"
    if len(found.hops) > _LONG:
        yield f"weak by chain: {len(found.hops)} hops"
    fragile = " (fragile: one wrong link is all that joins them)" if found.disjoint == 1 else ""
    yield f"edge-disjoint paths: {found.disjoint}{fragile}"
    for rest in found.without if found.disjoint else ():
        left = f"still joined, weakest hop {rest.bits} bits" if rest.joined else "not joined"
        yield f"without {rest.family}: {left}"


def _verdict(pair: Why) -> str:
    hops = len(pair.found.hops)
    steps = f"{hops} hop{'s' if hops > 1 else ''}"
    if pair.together:
        return f"one cluster, {pair.clusters[0]}: {steps}"
    if pair.found.disjoint:
        return f"two clusters, {' and '.join(pair.clusters)}: {steps} do not hold so many wallets together"
    if all(hop.accepted or (len(hop.families) > 1 and hop.bits * 10 >= ACCEPT_TENTHS) for hop in pair.found.hops):
        return f"not joined: {steps}, in at least one of which one side did nothing towards the other"
    needed = f"{ACCEPT_TENTHS // 10}.{ACCEPT_TENTHS % 10} bits of two families"
    return f"not joined: {steps}, of which at least one falls short of {needed}"


def _link_lines(link: LinkNote, hop: Hop) -> Iterator[str]:
    adds = "" if link.adds else ", not added: another of its family is stronger"
    yield f"  {link.heuristic} ({link.family}) {link.weight} bits{adds}, newest {fmt.time(link.at) or 'unknown'}"
    yield f"    {_meaning(link)}"
    if link.acted != (False, False):
        yield f"    {_volition(link, hop)}"
    if link.told is not None:
        yield f"    it names no other owner, and no other needs to sign, as of block {link.told.as_of}"
    if not link.habits:
        yield from _some((f"{link.chain_id}:{fmt.hex_text(tx)}" for tx in link.txs), len(link.txs))
        yield from _some((f"another: {fmt.address(other)}" for other in link.siblings), len(link.siblings))
    for habit in link.habits[:_SHOWN]:
        often = f"in {habit.times} of {habit.transactions} transactions of its own"
        yield f"    {fmt.address(habit.address)} set a {fmt.fee(habit.what, habit.value)} {often}:"
        yield from (f"      {link.chain_id}:{fmt.hex_text(tx)}" for tx in habit.txs)
    if len(link.habits) > _SHOWN:
        yield f"    … and {len(link.habits) - _SHOWN} more: --format json shows all"
    if link.habits:
        yield f"    {_OF_FEES}"


def _volition(link: LinkNote, hop: Hop) -> str:
    """Say which side acted."""
    if all(link.acted):
        return "both acted"
    (only,) = (fmt.short(fmt.address(end)) for end, acted in zip((hop.a, hop.b), link.acted, strict=True) if acted)
    return f"only {only} acted: {UNASKED.get(link.heuristic, _IDLE)}"


def _some(lines: Iterable[str], count: int) -> Iterator[str]:
    yield from (f"    {line}" for line in islice(lines, _SHOWN))
    if count > _SHOWN:
        yield f"    … and {count - _SHOWN} more: --format json shows all"


def _meaning(link: LinkNote) -> str:
    ends = link.told[:2] if link.told else link.funding
    named = ("one", "the other") if ends is None else (fmt.short(fmt.address(end)) for end in ends)
    return MEANING[link.heuristic].format_map(dict(zip("xy", named, strict=True)))


def why_row(pair: Why) -> dict[str, Any]:
    """Tell it as an object for JSON."""
    found, weakest = pair.found, pair.found.weakest
    return {
        "a": fmt.address(pair.ends[0]),
        "b": fmt.address(pair.ends[1]),
        "clusters": list(pair.clusters),
        "joined": bool(found.disjoint),
        "path": [_hop_row(hop) for hop in found.hops],
        "weakest": weakest and {"a": fmt.address(weakest.a), "b": fmt.address(weakest.b), "bits": str(weakest.bits)},
        "edge_disjoint_paths": found.disjoint,
        "without": [
            {
                "family": rest.family,
                "joined": rest.joined,
                "weakest_bits": None if rest.bits is None else str(rest.bits),
            }
            for rest in found.without
        ],
    }


def _hop_row(hop: Hop) -> dict[str, Any]:
    return {
        "a": fmt.address(hop.a),
        "b": fmt.address(hop.b),
        "bits": str(hop.bits),
        "families": list(hop.families),
        "merges": hop.accepted,
        "links": [
            {
                "chain_id": link.chain_id,
                "heuristic": link.heuristic,
                "family": link.family,
                "meaning": _meaning(link),
                "volition": "one" if link.acted[0] != link.acted[1] else "both",
                "volition_a": link.acted[0],
                "volition_b": link.acted[1],
                "bits": str(link.weight),
                "adds": link.adds,
                "at": fmt.time(link.at),
                "transactions": [fmt.hex_text(tx) for tx in link.txs],
                "siblings": [fmt.address(other) for other in link.siblings],
                "habits": [_habit_row(habit) for habit in link.habits],
                "safe": link.told and _told_row(link.told),
            }
            for link in hop.links
        ],
    }


def _told_row(told: Told) -> dict[str, Any]:
    return {"address": fmt.address(told.safe), "owner": fmt.address(told.owner), "as_of": told.as_of}


def _habit_row(habit: Habit) -> dict[str, Any]:
    texts = {"address": fmt.address(habit.address), "txs": [fmt.hex_text(tx) for tx in habit.txs]}
    return habit._asdict() | texts
