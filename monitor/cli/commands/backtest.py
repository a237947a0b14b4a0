"""`monitor backtest`: a draft of thresholds against history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option, load_config
from monitor.cli.listing import show

if TYPE_CHECKING:
    from monitor.views.output import Format

_RULES = ("rule", "live_findings", "draft_findings", "live_clusters", "draft_clusters", "tenants", "live_per_1000",
          "draft_per_1000")  # fmt: skip
_LEADS = ("change", "lead_id", "cluster_id", "live_score", "draft_score", "live_typologies", "draft_typologies")


@click.command("backtest")
@click.option("--rules", "file", metavar="FILE", required=True, help="A file with [rules.<id>] tables: the draft.")
@click.option("--since", metavar="TIME", help="Count what is dated at this UTC time or later.")
@click.option("--until", metavar="BLOCK|TIME", help="Judge the ledger as of this block or UTC time.")
@click.option(
    "--show",
    "what",
    type=click.Choice(("rules", "leads")),
    default="rules",
    show_default=True,
    help="Hit rates per rule, or what becomes of each lead.",
)
@format_option()
def command(file: str, since: str | None, until: str | None, what: str, fmt: Format) -> None:
    """Try a draft of rule parameters on the ledger beside the rules in force.

    Says what the draft would have flagged and dropped. Reads only: the daemon may go on meanwhile.
    """
    from monitor.ledger.reader import Reader
    from monitor.views.backtest import backtest, read_draft
    from monitor.views.bundle import load_bundle, open_path

    draft = read_draft(Path(file))
    config = load_config().config
    bundle = load_bundle(config)
    with Reader(open_path(config)) as reader:
        found = backtest(reader, bundle, config, draft, since, until)
    if what == "rules":
        rows = [
            rate._asdict()
            | {
                "live_per_1000": _per_thousand(rate.live_clusters, rate.tenants),
                "draft_per_1000": _per_thousand(rate.draft_clusters, rate.tenants),
            }
            for rate in found.rules
        ]
        show(rows, fmt, columns=_RULES)
    else:
        show([change._asdict() for change in found.leads], fmt, columns=_LEADS)
    counted = {name: sum(change.change == name for change in found.leads) for name in ("kept", "flagged", "dropped")}
    said = (
        f"leads: {counted['kept']} kept, {counted['flagged']} flagged by the draft only, {counted['dropped']} dropped"
    )
    click.echo(said, err=True)


def _per_thousand(part: int, whole: int) -> str:
    return f"{part * 1000 // whole}" if whole else ""
