"""`monitor explain A B`: why two wallets are in one cluster."""

from __future__ import annotations

import json

import click

from monitor.cli.listing import read_snapshot


@click.command("explain")
@click.argument("a")
@click.argument("b")
@click.option("--format", "fmt", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(a: str, b: str, fmt: str) -> int:
    """Show the strongest path of evidence between wallets A and B, hop by hop; exit 1 when there is none."""
    from monitor.views import format as shown
    from monitor.wallets.explain import explain

    ends = [_address(text) for text in (a, b)]
    hops = explain(read_snapshot().links, *ends)
    rows = [
        {
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
                }
                for link in hop.links
            ],
        }
        for hop in hops
    ]
    if fmt == "json":
        click.echo(json.dumps(rows, indent=2))
        return 0 if rows else 1
    if not rows:
        click.echo("no path of evidence joins these wallets", err=True)
        return 1
    for row in rows:
        how = "joins them" if row["merges"] else "a mere candidate, joins nobody"
        click.echo(f"{row['a']} - {row['b']}: {row['bits']} bits from {', '.join(row['families'])} ({how})")
        for link in row["links"]:
            click.echo(f"  {link['heuristic']} {link['bits']} bits, newest {link['at']}")
            for transaction in link["transactions"][:5]:
                click.echo(f"    {link['chain_id']}:{transaction}")
    weakest = min(hops, key=lambda hop: hop.bits)
    click.echo(f"weakest hop: {shown.address(weakest.a)} - {shown.address(weakest.b)}, {weakest.bits} bits")
    return 0


def _address(text: str) -> bytes:
    from monitor.errors import InputError

    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:  # noqa: PLR2004 - an address
        message = f"{text!r} is no address"
        raise InputError(message, hint="write 0x and 40 hex digits")
    return raw
