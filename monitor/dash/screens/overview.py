"""The first screen: where the index stands, what is leased, and the leads nobody has looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from monitor.dash.screens.world import WorldScreen
from monitor.dash.table import LiveTable
from monitor.dash.views import VIEWS
from monitor.dash.world import World
from monitor.views import clean
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.views.status import behind, legal_is_stale, legal_text, overview, weekly
from monitor.views.tables import Value

__all__ = ["OverviewScreen", "summary", "welcome"]

_BARS = " ▁▂▃▄▅▆▇█"
_WEEKS = 52
_CHAINS_SHOWN = 4

_WELCOME = """\
Nothing is indexed yet.

1. `monitor init` writes a commented config.toml: name a chain, its RPC endpoint and the markets to watch.
2. `monitor doctor` says whether the node, the ledger and the receivers answer.
3. `monitor run` indexes and judges; leave it running in another terminal. This screen fills by itself.

`monitor demo` plays the whole way on a local EVM node, without any of that. Press ? for the keys, q to leave.
"""


class OverviewScreen(WorldScreen):
    """Sums up the world above the table of leads."""

    mode = "overview"

    def content(self) -> ComposeResult:
        """Make the summary and the table of leads."""
        with VerticalScroll(id="summary-pane", can_focus=False):
            yield Static("Reading the ledger …", id="summary", markup=False)
        with Vertical(classes="pane", id="leads-pane"):
            yield Static(clean.markup(VIEWS["leads"].title, style="bold"), classes="title")
            yield Static("", id="empty-leads", classes="empty", markup=False)
            yield LiveTable(VIEWS["leads"], id="table-leads")

    def present(self, world: World) -> None:
        """Fill the summary and the table; before anything is indexed, say how to begin."""
        lines = world.lines["leads"]
        untouched = is_untouched(world.snapshot)
        self.query_one("#summary", Static).update(welcome() if untouched else summary(world.snapshot))
        self.query_one("#leads-pane").display = not untouched
        table = self.query_one("#table-leads", LiveTable)
        table.put(lines)
        table.display = bool(lines)
        empty = self.query_one("#empty-leads", Static)
        empty.display = not lines
        empty.update(clean.markup(VIEWS["leads"].empty))


def is_untouched(snapshot: Snapshot) -> bool:
    """Say whether nothing was ever indexed."""
    return snapshot.as_of is None and not snapshot.lease_events.height


def welcome() -> Text:
    """Say how to begin."""
    return Text(_WELCOME)


def summary(snapshot: Snapshot) -> Text:
    """Write the numbers that matter, charts of the last year and the legal line."""
    row, weeks = overview(snapshot), weekly(snapshot, _WEEKS)
    lines = [
        _numbers(
            ("leads", row["leads"], "bold"),
            ("not reviewed", row["unreviewed"], "yellow" if row["unreviewed"] else ""),
            ("critical", row["critical"], "bold red" if row["critical"] else ""),
            ("high", row["high"], "red" if row["high"] else ""),
            ("medium", row["medium"], ""),
            ("low", row["low"], ""),
        ),
        _numbers(
            ("active leases", row["active_leases"], "bold"),
            ("of", row["leases"], ""),
            ("H100e leased", row["active_h100e"], "bold"),
            ("wallets", row["wallets"], ""),
            ("clusters", row["clusters"], ""),
        ),
        _numbers(
            ("events", row["events"], ""),
            ("unreadable", row["quarantined"], "yellow" if row["quarantined"] else ""),
            ("alerts waiting", row["alerts_waiting"], "yellow" if row["alerts_waiting"] else ""),
            ("silences", row["silences"], "yellow" if row["silences"] else ""),
            ("findings", row["findings"], ""),
        ),
        *_chains(snapshot),
        _chart("leases a week ", weeks.opened),
        _chart("H100e leased  ", weeks.leased),
        Text(clean.terminal(legal_text(snapshot), 400), style="yellow" if legal_is_stale(snapshot) else "dim"),
    ]
    return Text("\n").join(lines)


def _chart(label: str, values: Sequence[int | Decimal]) -> Text:
    most = f" {_WEEKS} weeks, at most {fmt.compact(max(values))}"
    return Text.assemble((label, "dim"), (spark(values), "cyan"), (most, "dim"))


def spark(counts: Sequence[int | Decimal]) -> str:
    """Draw counts as a line of bars, the largest one full; whatever is not zero shows."""
    top = max(counts, default=0)
    full = len(_BARS) - 1
    return "".join(_BARS[math.ceil(count * full / top) if top else 0] for count in counts)


def _numbers(*facts: tuple[str, Value, str]) -> Text:
    parts = [
        Text.assemble((f"{label} ", "dim"), (fmt.compact(value) if isinstance(value, int | Decimal) else "", style))
        for label, value, style in facts
    ]
    return Text("   ").join(parts)


def _chains(snapshot: Snapshot) -> list[Text]:
    lines: list[Text] = []
    for chain in sorted(snapshot.chains, key=lambda chain: chain.chain_id)[:_CHAINS_SHOWN]:
        late = behind(chain)
        words = (
            f"block {chain.last_block if chain.last_block is not None else 'none'}, {fmt.time(chain.head_time) or ''}"
        )
        lag = f", {late} behind" if late else ""
        missing = f", {chain.missing_blocks} missing" if chain.missing_blocks else ""
        text = clean.terminal(f"{words}{lag}{missing} {chain.state}".rstrip())
        lines.append(Text.assemble((f"{clean.terminal(chain.name, 20)} ", "dim"), text))
    more = len(snapshot.chains) - _CHAINS_SHOWN
    return [*lines, Text(f"and {more} more chains", style="dim")] if more > 0 else lines
