"""`monitor explain A B`: why two wallets are in one cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.listing import at_option, parse_address, read_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.wallets.explain import Explanation, Hop

_SHOWN = 5
_LONG = 10
"""Hops above which a chain of good links is a weak one all the same."""
_OF_FEES = "wallet software sets fees: a rare one may tell the software more than its user"


@click.command("explain")
@click.argument("a")
@click.argument("b")
@at_option
@click.option(
    "--format", "fmt", type=click.Choice(("text", "json")), default="text", show_default=True, help="How it is written."
)
def command(a: str, b: str, at: str | None, fmt: str) -> int:
    """Show the strongest path of evidence between wallets A and B, hop by hop; exit 1 when there is none."""
    from monitor.wallets.explain import explain

    ends = (parse_address(a), parse_address(b))
    snapshot = read_snapshot(at)
    found = explain(snapshot.links, *ends, snapshot.habits)
    if fmt == "json":
        click.echo(json.dumps(_made(*ends, found), indent=2))
    elif found.hops:
        for line in _lines(found):
            click.echo(line)
    elif ends[0] == ends[1]:
        click.echo("that is one wallet, not two", err=True)
    else:
        click.echo("no path of evidence joins these wallets", err=True)
    return 0 if found.hops else 1


def _made(a: bytes, b: bytes, found: Explanation) -> dict[str, Any]:
    from monitor.views import format as shown

    weakest = found.weakest
    return {
        "a": shown.address(a),
        "b": shown.address(b),
        "joined": bool(found.hops) and all(hop.accepted for hop in found.hops),
        "path": [_row(hop) for hop in found.hops],
        "weakest": weakest
        and {"a": shown.address(weakest.a), "b": shown.address(weakest.b), "bits": str(weakest.bits)},
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


def _row(hop: Hop) -> dict[str, Any]:
    from monitor.views import format as shown

    return {
        "a": shown.address(hop.a),
        "b": shown.address(hop.b),
        "bits": str(hop.bits),
        "families": list(hop.families),
        "merges": hop.accepted,
        "links": [
            {
                "chain_id": link.chain_id,
                "heuristic": link.heuristic,
                "family": link.family,
                "bits": str(link.weight),
                "at": shown.time(link.at),
                "transactions": [shown.hex_text(tx) for tx in link.txs],
                "habits": [{**habit._asdict(), "address": shown.address(habit.address)} for habit in link.habits],
            }
            for link in hop.links
        ],
    }


def _lines(found: Explanation) -> Iterator[str]:
    from monitor.views import format as shown

    for hop in found.hops:
        how = "joins them" if hop.accepted else "a mere candidate, joins nobody"
        ends = f"{shown.address(hop.a)} - {shown.address(hop.b)}"
        yield f"{ends}: {hop.bits} bits from {', '.join(hop.families)} ({how})"
        for link in hop.links:
            yield f"  {link.heuristic} ({link.family}) {link.weight} bits, newest {shown.time(link.at) or 'unknown'}"
            yield from (f"    {link.chain_id}:{shown.hex_text(tx)}" for tx in link.txs[:_SHOWN])
            for habit in link.habits:
                often = f"in {habit.times} of {habit.transactions} transactions of its own"
                yield f"    {shown.address(habit.address)} set a {shown.fee(habit.what, habit.value)} {often}"
            if link.habits:
                yield f"    {_OF_FEES}"
            if len(link.txs) > _SHOWN:
                yield f"    … and {len(link.txs) - _SHOWN} more: --format json shows all"
    if found.weakest is not None:
        weakest = f"{shown.address(found.weakest.a)} - {shown.address(found.weakest.b)}"
        yield f"weakest hop: {weakest}, {found.weakest.bits} bits"
    if len(found.hops) > _LONG:
        yield f"weak by chain: {len(found.hops)} hops"
    fragile = " (fragile: one wrong link is all that joins them)" if found.disjoint == 1 else ""
    yield f"edge-disjoint paths: {found.disjoint}{fragile}"
    for rest in found.without:
        left = f"still joined, weakest hop {rest.bits} bits" if rest.joined else "not joined"
        yield f"without {rest.family}: {left}"
