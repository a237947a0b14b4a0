"""`monitor explain A B`: why two wallets are in one cluster."""

from __future__ import annotations

import json

import click

from monitor.cli.listing import at_option, parse_address, read_snapshot


@click.command("explain")
@click.argument("a")
@click.argument("b")
@at_option
@click.option(
    "--format", "fmt", type=click.Choice(("text", "json")), default="text", show_default=True, help="How it is written."
)
def command(a: str, b: str, at: str | None, fmt: str) -> int:
    """Show the strongest path of evidence between wallets A and B, hop by hop; exit 1 when there is none."""
    from monitor.views.why import why, why_lines, why_row

    ends = (parse_address(a), parse_address(b))
    pair = why(read_snapshot(at), *ends)
    if fmt == "json":
        click.echo(json.dumps(why_row(pair), indent=2))
    elif pair.found.hops:
        for line in why_lines(pair):
            click.echo(line)
    elif ends[0] == ends[1]:
        click.echo("that is one wallet, not two", err=True)
    else:
        click.echo("no path of evidence joins these wallets", err=True)
    return 0 if pair.found.hops else 1
