"""A lead, or all leads of a period, as one HTML page to print or send: it loads, runs and sends nothing.

Equal snapshots give equal bytes: no clock is read. A page shortens long lists and says so; a pack has them whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from monitor.export.drawing import MOST_LEASES, MOST_WALLETS, Bar, timeline, web
from monitor.export.markup import Html, element, items, page, table
from monitor.export.write import write_file
from monitor.model.lead import Lead
from monitor.views import format as fmt
from monitor.views.dossier import dossier
from monitor.views.evidence import about
from monitor.views.exposure import blind_spots
from monitor.views.snapshot import Snapshot
from monitor.views.status import legal_is_stale, legal_text, statement

__all__ = ["lead_page", "period_page", "write_page"]

_MOST = 500
"""Rows of a table on a page that somebody is to read."""
_UNCALIBRATED = (
    "Confidence reads uncalibrated until thirty leads of a pattern were reviewed: until then nobody knows how often a"
    " match is confirmed."
)


def write_page(path: Path, text: str) -> None:
    """Write a page to a file, whole or not at all; raises InputError where it cannot."""
    write_file(path, text.encode())


def lead_page(snapshot: Snapshot, lead: Lead) -> str:
    """Write the report of one lead or screening item: what matched, why it may be lawful, on what it rests."""
    snapshot = msgspec.structs.replace(snapshot, now=0)
    made = dossier(snapshot, lead)
    title = f"{'Screening item' if lead.kind == 'screening' else 'Lead'} {lead.lead_id}"
    return page(
        title,
        element("h1", title),
        element("p", statement(lead)),
        *_withdrawn(lead),
        _legal(snapshot),
        _facts(snapshot, lead),
        *_section("What matched", _findings(made["findings"])),
        *_section(
            "Why it may be lawful: weigh this first", [items(made["lawful_explanations"] or ["none written down"])]
        ),
        *_section("Leases", _leases(snapshot, lead, made)),
        *_section("Wallets, and how they hang together", _wallets(made["wallets"])),
        *_section("Evidence: every position can be checked with any node", _evidence(made["findings"])),
        *_section("Reviews and history", _reviews(lead, made["reviews"])),
        *_section("What could not be seen", [items(made["blind_spots"] or ["nothing is known to be missing"])]),
        _footer(snapshot),
    )


def period_page(snapshot: Snapshot, since: int | None = None, until: int | None = None) -> str:
    """Write the overview of leads that opened from `since` to before `until` (block seconds), retracted ones too."""
    snapshot = msgspec.structs.replace(snapshot, now=0)
    found = [
        lead
        for lead in snapshot.leads
        if (since is None or lead.opened_at >= since) and (until is None or lead.opened_at < until)
    ]
    found.sort(key=lambda lead: (-lead.score, lead.lead_id))
    when = f"{fmt.time(since) or 'the beginning'} to {fmt.time(until) or 'the newest block'}"
    title = f"Leads from {when}"
    words = "Each is a lead for human review: a published pattern matched. None states that a law was broken."
    return page(
        title,
        element("h1", title),
        element("p", f"{len(found)} leads and screening items opened in this time. {words}"),
        _legal(snapshot),
        *_section("Counts", _counts(found)),
        *_section("Leads, highest score first", [_lead_table(found)]),
        *_section("What was read", [_chains(snapshot)]),
        *_section("What could not be seen", [items([_UNCALIBRATED, *_limits(snapshot, found)])]),
        _footer(snapshot),
    )


def _section(title: str, parts: Iterable[Html]) -> list[Html]:
    return [element("h2", title), *parts]


def _withdrawn(lead: Lead) -> list[Html]:
    words = "RETRACTED: the evidence is no longer on the chain, or no longer adds up."
    return [element("p", element("strong", words), class_="box stop")] if lead.state == "retracted" else []


def _legal(snapshot: Snapshot) -> Html:
    return element("p", legal_text(snapshot), class_="box stop" if legal_is_stale(snapshot) else "box")


def _facts(snapshot: Snapshot, lead: Lead) -> Html:
    rows = [
        ("state", lead.state),
        ("review", _review(lead)),
        ("severity (how much compute)", lead.severity),
        ("confidence", lead.confidence),
        ("score", str(lead.score)),
        ("families of evidence", ", ".join(lead.families) or "none"),
        ("opened", f"{fmt.time(lead.opened_at)}, when the evidence for it was complete"),
        ("at peak", f"{lead.h100e} H100-equivalents"),
        ("blocks", f"{lead.first_block} to {lead.last_block} (chain:block of oldest and newest evidence)"),
        ("as of", fmt.time(snapshot.as_of) or "nothing read yet"),
    ]
    return table(("", ""), rows)


def _review(lead: Lead) -> str:
    by = f" by {lead.reviewer}" if lead.reviewer else ""
    return f"{lead.disposition or 'not reviewed'}{by}{f': {lead.reason}' if lead.reason else ''}"


def _findings(rows: Sequence[Mapping[str, Any]]) -> list[Html]:
    parts: list[Html] = []
    for row in rows[:_MOST]:
        state = "" if row["state"] == "open" else f", {row['state']}"
        title = f"{row['typology']} {row['name']}: {row['points']} points, {row['family']}{state}"
        lines = [
            f"subject: {row['subject']}",
            f"threshold: {row['threshold']}",
            f"values: {_pairs(row['values'])}",
            f"parameters in force: {_pairs(row['parameters']) or 'not known'}",
            f"guidance: {row['guidance'] or 'none named'}",
        ]
        parts += [element("h3", title), element("p", row["summary"]), items(lines)]
    return parts or [element("p", "No finding of it is left.")]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _leases(snapshot: Snapshot, lead: Lead, made: Mapping[str, Any]) -> list[Html]:
    now = snapshot.as_of or 0
    frame = about(snapshot, lead).leases.drop_nulls("opened_at").sort("opened_at", "market", "chain_id", "lease_id")
    bars = []
    for market, chain, lease, opened, closed in frame.select(
        "market", "chain_id", "lease_id", "opened_at", "closed_at"
    ).iter_rows():
        start = min(opened, now)
        bars.append(
            Bar(fmt.lease_key(market, chain, lease), start, max(start, min(closed or now, now)), closed is None)
        )
    sums = made["exposure"]
    money = [
        f"{row['token']} on chain {row['chain_id']}: put in {_whole(row, 'deposit_total')}, settled"
        f" {_whole(row, 'settled_total')}, given back {_whole(row, 'refunded_total')}"
        for row in sums["money"]
    ]
    total = f"{sums['leases']} leases, {sums['in_ledger']} of them in the ledger; {sums['h100e_hours']} H100e-hours"
    head = ("lease", "opened", "closed", "GPUs", "H100e", "site (source)", "renter, payer, provider")
    rows = [
        (
            *(row["lease"], row["opened_at"] or "", row["closed_at"] or row["status"] or "not in the ledger"),
            f"{row['gpu_count'] or '?'} x {row['gpu_model'] or row['gpu_raw'] or 'unknown'}",
            *(row["h100e"] or "", f"{row['country']} ({row['region_provenance']})" if row["country"] else ""),
            # One below the other: three addresses beside each other are broken into six lines each.
            " ".join(row[role] or "-" for role in ("renter", "payer", "provider")),
        )
        for row in made["leases"]
    ]
    drawn = [timeline(bars), *_more(len(bars), MOST_LEASES, "drawn")] if bars else []
    return [element("p", total), items(money), *drawn, *_listed(head, rows)]


def _whole(row: Mapping[str, Any], name: str) -> str:
    return fmt.amount(int(row[name]), row["token_decimals"])


def _wallets(rows: Sequence[Mapping[str, Any]]) -> list[Html]:
    words = "A cluster is a hypothesis: these wallets acted as one hand would. Who owns them is not known."
    listed = [
        (
            f"{row['chain_id']}:{row['address']}",
            ", ".join([*(row["roles"] or ()), *(row["labels"] or ())])
            or ("" if row["in_ledger"] else "not in the ledger"),
            "anchor: seen first" if row["anchor"] else _way(row["path"]),
        )
        for row in rows
    ]
    drawn = [web(rows), *_more(len(rows), MOST_WALLETS, "drawn")] if rows else []
    return [element("p", words), *drawn, *_listed(("wallet", "roles and labels", "path from the anchor"), listed)]


def _way(path: Sequence[Mapping[str, Any]] | None) -> str:
    if path is None:
        return "no path of merging pairs in what is known now"
    return "; ".join(
        f"{fmt.short(hop['a'])} to {fmt.short(hop['b'])}: {hop['bits']} bits from {', '.join(hop['families'])},"
        f" {len(hop['transactions'])} transactions"
        for hop in path
    )


def _evidence(rows: Sequence[Mapping[str, Any]]) -> list[Html]:
    listed = [(row["typology"], *text.split(":")) for row in rows for text in row["evidence"]]
    how = "Log -1 is the transaction itself. A pack (monitor pack) holds the logs and says how to check them."
    return [element("p", how), *_listed(("pattern", "chain", "block", "transaction", "log"), listed)]


def _reviews(lead: Lead, rows: Sequence[Mapping[str, Any]]) -> list[Html]:
    history = [f"{fmt.time(step.at)} {step.what}: {step.detail}" for step in lead.history]
    decided = [
        f"{row['at']} {row['disposition'] or 'reopened'} by {row['reviewer'] or '?'}"
        f"{': ' + row['reason'] if row['reason'] else ''}"
        for row in rows
    ]
    return [items([*history, *decided] or ["Nobody has reviewed it."])]


def _counts(leads: Sequence[Lead]) -> list[Html]:
    groups: dict[str, Counter[str]] = {
        "kind": Counter(lead.kind for lead in leads),
        "severity": Counter(lead.severity for lead in leads),
        "state": Counter(lead.state for lead in leads),
        "review": Counter(lead.disposition or "not reviewed" for lead in leads),
        "market": Counter(market for lead in leads for market in _markets(lead)),
        "pattern": Counter(name for lead in leads for name in lead.typologies),
    }
    rows = [
        (name, ", ".join(f"{key} {number}" for key, number in sorted(found.items()))) for name, found in groups.items()
    ]
    return [table(("leads by", ""), rows)]


def _markets(lead: Lead) -> list[str]:
    return sorted({key.split(":")[0] for key in lead.leases})


def _lead_table(leads: Sequence[Lead]) -> Html:
    head = (
        "lead",
        "opened",
        "severity",
        "score",
        "confidence",
        "H100e at peak",
        "patterns",
        "markets",
        "state",
        "review",
    )
    rows = [
        (
            *(
                lead.lead_id,
                fmt.time(lead.opened_at) or "",
                lead.severity,
                str(lead.score),
                lead.confidence,
                lead.h100e,
            ),
            *(", ".join(lead.typologies), ", ".join(_markets(lead)), lead.state, _review(lead)),
        )
        for lead in leads
    ]
    return table(head, rows)


def _chains(snapshot: Snapshot) -> Html:
    rows = [
        (
            *(f"{chain.name} ({chain.chain_id})", f"{chain.first_block or 0} to {chain.last_block}"),
            *(fmt.time(chain.head_time) or "", str(chain.unread_blocks)),
        )
        for chain in sorted(snapshot.chains, key=lambda chain: chain.chain_id)
    ]
    return table(("chain", "blocks", "time of the last", "blocks not read for some contract"), rows)


def _limits(snapshot: Snapshot, leads: Sequence[Lead]) -> list[str]:
    named = {name for lead in leads for name in lead.findings}
    return blind_spots(snapshot, [item for item in snapshot.findings if item.finding_id in named])


def _listed(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Html]:
    return [table(head, rows[:_MOST]), *_more(len(rows), _MOST, "shown")]


def _more(number: int, most: int, what: str) -> list[Html]:
    return [element("p", f"… and {number - most} more, not {what}", class_="quiet")] if number > most else []


def _footer(snapshot: Snapshot) -> Html:
    made = f"Made by monitor {snapshot.tool_version}, configuration {snapshot.config_digest}, as of"
    return element("p", f"{made} {fmt.time(snapshot.as_of) or 'nothing read yet'}. Times are UTC.", class_="quiet hex")
