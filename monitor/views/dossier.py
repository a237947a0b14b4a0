"""A lead whole: as a JSON-ready dictionary with everything in it, and as text for whoever is woken by it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl

from monitor.model.lead import Finding, Lead
from monitor.rules.facts import lease_name
from monitor.views import format as fmt
from monitor.views.clean import terminal
from monitor.views.exposure import blind_spots, exposure
from monitor.views.paths import Edge, paths_from
from monitor.views.snapshot import RuleInfo, Snapshot
from monitor.views.status import legal_is_stale, statement
from monitor.views.tables import finding_rows, lead_rows, lease_rows, wallet_rows
from monitor.wallets.evidence import pair_scores

__all__ = ["REVIEW", "dossier", "dossier_text"]

REVIEW = "For human review; it does not state that a law was broken."
NO_ADVICE = "Not legal advice."
_LEASE = (
    *("market", "chain_id", "lease_id", "renter", "payer", "provider", "gpu_raw", "gpu_model", "gpu_precision"),
    *("gpu_count", "h100e", "eccn_class", "country", "region_provenance", "usd_per_gpu_hour", "opened_at", "closed_at"),
    *("status", "open_block", "open_tx", "open_log_index"),
)
_WALLET = ("roles", "labels", "first_seen", "last_seen", "leases", "h100e_hours")
_WIDTH = 100
_FINDINGS, _EVIDENCE, _LEASES, _WALLETS, _HOP_TXS = 12, 4, 12, 12, 2
_FIELD = 500
"""Characters kept of one field on a terminal; an on-chain string may be a megabyte."""

Made = dict[str, Any]


def dossier(snapshot: Snapshot, lead: Lead) -> Made:
    """Gather everything about a lead, ready for JSON: nothing is left out or shortened.

    Keys: lead, statement, findings, leases, exposure, wallets, lawful_explanations, blind_spots, reviews, legal.
    Amounts and bits are exact text, times UTC ISO-8601, evidence `chain:block:0xtx:log` (log -1 = the transaction
    itself). A wallet's `path` leads from the cluster's anchor, its earliest member, over pairs that merge. `in_ledger`
    is false for what a reorg took.
    """
    rules = {rule.rule: rule for rule in snapshot.rules}
    mine = [finding for finding in snapshot.findings if finding.finding_id in set(lead.findings)]
    return {
        "lead": _plain(lead_rows(msgspec.structs.replace(snapshot, leads=(lead,)))[0]),
        "statement": _statement(lead, rules),
        "findings": _findings(snapshot, mine, rules),
        "leases": _leases(snapshot, lead),
        "exposure": exposure(snapshot, lead),
        "wallets": _wallets(snapshot, lead),
        "lawful_explanations": _lawful(mine, rules),
        "blind_spots": blind_spots(snapshot, mine),
        "reviews": [
            {"at": fmt.time(row.at), "disposition": row.disposition, "reason": row.reason, "reviewer": row.reviewer}
            for row in snapshot.dispositions
            if row.lead_id == lead.lead_id
        ],
        "legal": {
            "version": snapshot.legal.version,
            "jurisdiction": snapshot.legal.jurisdiction,
            "verify_by": snapshot.legal.verify_by,
            "stale": legal_is_stale(snapshot),
            "statement": snapshot.legal.statement,
            "note": NO_ADVICE,
        },
    }


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return fmt.number(value)
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _statement(lead: Lead, rules: Mapping[str, RuleInfo]) -> str:
    if lead.kind == "screening":
        return statement(lead)
    names = [f"{name} ({rules[name].name})" if name in rules and rules[name].name else name for name in lead.typologies]
    return (
        f"{'Patterns' if len(names) > 1 else 'Pattern'} {', '.join(names) or 'none'} matched; confidence "
        f"{lead.confidence}; evidence families: {', '.join(lead.families) or 'none'}. {REVIEW}"
    )


def _findings(snapshot: Snapshot, mine: Sequence[Finding], rules: Mapping[str, RuleInfo]) -> list[Made]:
    """List the lead's findings, most points first."""
    about = {finding.finding_id: finding for finding in mine}
    rows = finding_rows(msgspec.structs.replace(snapshot, findings=tuple(mine)))
    rows.sort(key=lambda row: (-about[str(row["finding_id"])].points, str(row["typology"]), str(row["finding_id"])))
    made = []
    for row in rows:
        finding = about[str(row["finding_id"])]
        rule = rules.get(finding.rule) or RuleInfo(rule=finding.rule, version=finding.rule_version)
        rest = {"name": rule.name, "guidance": rule.guidance, "parameters": rule.parameters}
        when = {"leases": finding.leases, "at": fmt.time(finding.at)}
        made.append(_plain({**row, **rest, **when}))
    return made


def _lawful(mine: Iterable[Finding], rules: Mapping[str, RuleInfo]) -> list[str]:
    found = sorted(mine, key=lambda finding: (finding.typology, finding.finding_id))
    matched = dict.fromkeys(finding.rule for finding in found)
    said = [text for rule in matched if rule in rules for text in rules[rule].lawful]
    return list(dict.fromkeys([*said, *(text for finding in found for text in finding.caveats)]))


def _leases(snapshot: Snapshot, lead: Lead) -> list[Made]:
    """List the leases, oldest first; those no longer in the ledger keep their key and nothing else."""
    held = snapshot.leases.filter(lease_name().is_in(list(lead.leases)))
    rows = {
        f"{row['market']}:{row['chain_id']}:{row['lease_id']}": row
        for row in lease_rows(msgspec.structs.replace(snapshot, leases=held))
    }
    made = [
        _plain(
            {
                "lease": name,
                "in_ledger": name in rows,
                **{column: rows[name][column] if name in rows else None for column in _LEASE},
            }
        )
        for name in lead.leases
    ]
    return sorted(made, key=lambda row: (row["opened_at"] or "9", row["lease"]))


def _wallets(snapshot: Snapshot, lead: Lead) -> list[Made]:
    """List the cluster's wallets, the anchor first, then by length of path."""
    split = [(int(chain), text) for chain, _, text in (wallet.partition(":") for wallet in lead.wallets)]
    raws = {text: bytes.fromhex(text.removeprefix("0x")) for _, text in split}
    known = snapshot.wallets.filter(pl.col("address").is_in(list(raws.values())))
    rows = {
        (row["chain_id"], row["address"]): row for row in wallet_rows(msgspec.structs.replace(snapshot, wallets=known))
    }
    if not split:
        return []
    seen = known.select(pl.col("first_seen").fill_null(2**62), "address").rows()
    anchor = min(seen)[1] if seen else raws[split[0][1]]
    hops = _merging(snapshot.links.filter(pl.col("a").is_in(raws.values()) & pl.col("b").is_in(raws.values())))
    paths = paths_from(anchor, hops)
    made = []
    for chain, text in split:
        row = rows.get((chain, text))
        raw = raws[text]
        path = paths.get(raw)
        made.append(
            _plain(
                {
                    "chain_id": chain,
                    "address": text,
                    "in_ledger": row is not None,
                    **{name: row[name] if row else None for name in _WALLET},
                    "anchor": raw == anchor,
                    "path": None if path is None else _path(anchor, path, hops),
                }
            )
        )
    return sorted(made, key=lambda row: (not row["anchor"], len(row["path"] or ()), row["chain_id"], row["address"]))


def _merging(links: pl.DataFrame) -> dict[Edge, tuple[str, ...]]:
    """Make one edge per pair of wallets that evidence merges; the value names its heuristics."""
    found: dict[Edge, tuple[str, ...]] = {}
    for pair in pair_scores(links):
        if not pair.accepted:
            continue
        both = links.filter((pl.col("a") == pair.a) & (pl.col("b") == pair.b))
        txs = tuple(sorted({tx for item in both["evidence"].to_list() for tx in item or ()}))
        edge = Edge(pair.a, pair.b, ", ".join(pair.families), Decimal(pair.tenths) / 10, txs)
        found[edge] = tuple(sorted(set(both["heuristic"].to_list())))
    return found


def _path(start: bytes, path: Iterable[Edge], heuristics: Mapping[Edge, tuple[str, ...]]) -> list[Made]:
    made = []
    here = start
    for edge in path:
        there = edge.b if edge.a == here else edge.a
        made.append(
            {
                "a": fmt.address(here),
                "b": fmt.address(there),
                "bits": edge.weight,
                "families": edge.heuristic.split(", "),
                "heuristics": heuristics[edge],
                "transactions": [fmt.hex_text(tx) for tx in edge.evidence],
            }
        )
        here = there
    return made


def dossier_text(snapshot: Snapshot, lead: Lead) -> str:
    """Say a lead in full for a terminal, cleaned; long lists end in `… and N more`, which the JSON form has."""
    made = dossier(snapshot, lead)
    return "\n".join(
        [
            *_head(lead, made),
            *_section("WHAT MATCHED", made["findings"], _FINDINGS, _finding_lines),
            "",
            "COMMON LAWFUL EXPLANATIONS: weigh these first",
            *(_wrapped(f"- {text}", 2) for text in made["lawful_explanations"] or ["none written down"]),
            *_section("LEASES, oldest first", made["leases"], _LEASES, _lease_lines),
            *_section("WALLETS, and the path from the anchor to each", made["wallets"], _WALLETS, _wallet_lines),
            *(_section("REVIEWED", made["reviews"], _FINDINGS, _review_lines) if made["reviews"] else ()),
            *_legal_lines(made["legal"]),
            *_next_lines(lead, made["wallets"]),
        ]
    )


def _head(lead: Lead, made: Made) -> list[str]:
    review = lead.disposition or "not reviewed"
    by = f" by {lead.reviewer}" if lead.reviewer else ""
    why = f": {lead.reason}" if lead.reason else ""
    title = f"LEAD {lead.lead_id}   severity {lead.severity}, score {lead.score}   {lead.state}, {review}{by}{why}"
    withdrawn = "RETRACTED: the evidence is no longer on the chain, or no longer adds up."
    gone = [withdrawn] if lead.state == "retracted" else []
    wallets = "1 wallet" if len(lead.wallets) == 1 else f"{len(lead.wallets)} wallets"
    story = [f"{fmt.time(step.at)} {step.what}: {step.detail}" for step in lead.history]
    return [
        terminal(title, _FIELD),
        *gone,
        _wrapped(made["statement"]),
        "",
        f"opened    {made['lead']['opened_at']} (when the second family of evidence was complete)",
        f"at peak   {terminal(lead.h100e)} H100-equivalents; {len(lead.leases)} leases in all",
        terminal(f"cluster   {lead.cluster_id}: {wallets}; a hypothesis, see the paths below"),
        *(terminal(f"{'history' if not at else '':<9} {text}", _FIELD) for at, text in enumerate(story)),
        terminal(f"blocks    {lead.first_block} to {lead.last_block} (chain:block of oldest and newest evidence)"),
    ]


def _section(title: str, rows: Sequence[Made], limit: int, lines: Callable[[Made], list[str]]) -> list[str]:
    more = [f"  … and {len(rows) - limit} more: --format json shows all"] if len(rows) > limit else []
    return ["", f"{title} ({len(rows)})", *(line for row in rows[:limit] for line in lines(row)), *more]


def _finding_lines(row: Made) -> list[str]:
    name = f" {row['name']}" if row["name"] else ""
    state = "" if row["state"] == "open" else f", {row['state']}"
    values = ", ".join(f"{key} {value}" for key, value in row["values"].items())
    evidence = row["evidence"]
    more = len(evidence) - _EVIDENCE
    return [
        _wrapped(f"{row['typology']}{name}: {row['points']} points, {row['family']}{state}", 2),
        _wrapped(f"{row['summary']} (threshold: {row['threshold']})", 4),
        _wrapped(f"subject   {row['subject']}", 4),
        _wrapped(f"values    {values}", 4),
        *(f"    {'evidence' if not at else '':<9} {terminal(text)}" for at, text in enumerate(evidence[:_EVIDENCE])),
        *([f"    {'':<9} … and {more} more"] if more > 0 else []),
    ]


def _lease_lines(row: Made) -> list[str]:
    name = terminal(row["lease"], 80)
    if not row["in_ledger"]:
        return [f"  {name}: no longer in the ledger"]
    model = row["gpu_model"] or f"unknown hardware ({terminal(row['gpu_raw'] or 'nothing said', 60)})"
    size = f", {row['h100e']} H100e" if row["h100e"] is not None else ""
    where = f", {terminal(row['country'], 20)} ({row['region_provenance']})" if row["country"] else ""
    count = "?" if row["gpu_count"] is None else row["gpu_count"]
    until = f" to {row['closed_at']}" if row["closed_at"] else ""
    paid = f", paid by {row['payer']}" if row["payer"] and row["payer"] != row["renter"] else ""
    return [
        f"  {name}: {row['status']}, {row['opened_at'] or 'not opened'}{until}",
        f"    {count} x {model}{size}{where}; rented by {row['renter']}{paid}",
    ]


def _wallet_lines(row: Made) -> list[str]:
    words = [", ".join(row["roles"] or ()), ", ".join(row["labels"] or ())]
    about = "; ".join(terminal(word, 120) for word in words if word)
    title = f"  {row['chain_id']}:{row['address']}{'  ' + about if about else ''}"
    if row["anchor"]:
        return [f"{title}  (anchor: seen first)"]
    if row["path"] is None:
        return [title, "    no path of merging pairs in what is known now"]
    lines = [title]
    for hop in row["path"]:
        ends = f"{fmt.short(hop['a'])} to {fmt.short(hop['b'])}"
        lines.append(f"    {ends}: {hop['bits']} bits from {', '.join(hop['families'])}")
        shown = hop["transactions"][:_HOP_TXS]
        more = len(hop["transactions"]) - len(shown)
        lines += [f"      {tx}" for tx in shown] + ([f"      … and {more} more"] if more else [])
    return lines


def _review_lines(row: Made) -> list[str]:
    reason = f": {row['reason']}" if row["reason"] else ""
    return [_wrapped(f"{row['at']} {row['disposition'] or 'reopened'} by {row['reviewer'] or '?'}{reason}", 2)]


def _legal_lines(legal: Made) -> list[str]:
    stale = ["  STALE: past its verify-by date; check it before you rely on any rule in it."] if legal["stale"] else []
    head = (
        f"Legal file {legal['version']}; jurisdiction {legal['jurisdiction']}; verify by {legal['verify_by'] or '?'}."
    )
    note = "" if NO_ADVICE in legal["statement"] else NO_ADVICE
    return ["", "LEGAL", *stale, _wrapped(head, 2), _wrapped(f"{legal['statement']} {note}".strip(), 2)]


def _next_lines(lead: Lead, wallets: Sequence[Made]) -> list[str]:
    name = terminal(lead.lead_id)
    lines = ["", "NEXT", f"  monitor leads ack {name}", f'  monitor leads dismiss {name} --reason "…"']
    lines.append(f"  monitor leads escalate {name}")
    others = [row for row in wallets if not row["anchor"] and row["path"]]
    if others:
        start = others[0]["path"][0]["a"]
        lines.append(f"  monitor explain {start} {others[-1]['address']}")
    return lines


def _wrapped(text: str, indent: int = 0) -> str:
    """Clean a text and break it into lines of the page, the later ones a little further in."""
    space = " " * indent
    return textwrap.fill(
        terminal(text, 4 * _FIELD),
        _WIDTH,
        initial_indent=space,
        subsequent_indent=space + ("  " if indent else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )
