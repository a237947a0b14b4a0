"""The page of a lead: what matched, why it may be lawful, under which legal file, and who is behind it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from monitor.dash.details.page import Page, fact, heading, made, note, related, split_wallet
from monitor.dash.world import World
from monitor.model.chain import Position
from monitor.model.lead import Finding, Lead
from monitor.views import format as fmt
from monitor.views.paths import Edge, edges, paths_from
from monitor.views.snapshot import RuleInfo, Snapshot
from monitor.views.status import legal_is_stale, legal_text, statement
from monitor.views.tables import Row

__all__ = ["lead_page"]

_EVIDENCE_SHOWN = 6


def lead_page(world: World, lead_id: str) -> Page | None:
    """Show a lead with its findings, lawful explanations, legal block, evidence, leases and wallets."""
    snapshot = world.snapshot
    lead = next((lead for lead in snapshot.leads if lead.lead_id == lead_id), None)
    if lead is None:
        return None
    findings = [finding for finding in snapshot.findings if finding.finding_id in lead.findings]
    findings.sort(key=lambda finding: (-finding.points, finding.finding_id))
    lines = [*_summary(lead), *_silences(snapshot, lead), note(statement(lead)), *_explanations(snapshot, findings)]
    for finding in findings:
        lines += _finding(finding, {rule.rule: rule for rule in snapshot.rules})
    lines += [heading("Legal"), note(legal_text(snapshot), "yellow" if legal_is_stale(snapshot) else "")]
    lines += _reviews(snapshot, lead)
    rows = [*_evidence(findings), *_leases(lead), *_wallets(snapshot, lead)]
    rows.append(related("cluster", "cluster", lead.cluster_id, f"{len(lead.wallets)} wallets"))
    return made(f"Lead {lead.lead_id}", lines, rows)


def _summary(lead: Lead) -> list[Text]:
    review = f"{lead.disposition or 'not reviewed'}{': ' + lead.reason if lead.reason else ''}"
    return [
        fact("score", f"{lead.score}, severity {lead.severity}, confidence {lead.confidence}", "bold"),
        fact("state", f"{lead.state}; {review}", "dim" if lead.state == "retracted" else ""),
        fact("patterns", ", ".join(lead.typologies)),
        fact("families", ", ".join(lead.families)),
        fact("at its peak", f"{lead.h100e} H100-equivalents"),
        fact("opened", fmt.time(lead.opened_at)),
        fact("evidence", f"{lead.first_block} to {lead.last_block} (chain:block)"),
    ]


def _explanations(snapshot: Snapshot, findings: list[Finding]) -> list[Text]:
    matched = {finding.rule for finding in findings}
    lawful = [text for rule in snapshot.rules if rule.rule in matched for text in rule.lawful]
    caveats = [text for finding in findings for text in finding.caveats]
    unique = list(dict.fromkeys([*lawful, *caveats]))
    return [heading("Common lawful explanations"), *(note(f"· {text}") for text in unique or ["none written down"])]


def _finding(finding: Finding, rules: Mapping[str, RuleInfo]) -> list[Text]:
    rule = rules.get(finding.rule)
    name = f" {rule.name}" if rule and rule.name else ""
    values = ", ".join(f"{key} = {value}" for key, value in sorted(finding.values.items()))
    positions = [_place(position) for position in sorted(finding.evidence)]
    more = len(positions) - _EVIDENCE_SHOWN
    return [
        heading(f"{finding.rule} v{finding.rule_version}{name} · {finding.points} points · {finding.family}"),
        note(finding.summary, "dim" if finding.state == "retracted" else ""),
        fact("threshold", finding.threshold),
        fact("values", values),
        fact("subject", finding.subject),
        *(fact("evidence" if not at else "", text) for at, text in enumerate(positions[:_EVIDENCE_SHOWN])),
        *([note(f"and {more} more positions")] if more > 0 else []),
    ]


def _place(position: Position) -> str:
    """Write a position as short as a pane is wide; Enter on its row beside shows it whole."""
    tx = fmt.short(fmt.hex_text(position.tx_hash))
    return f"{position.chain_id}:{position.block_number} · {tx} · {_within(position)}"


def _within(position: Position) -> str:
    return "transaction" if position.log_index < 0 else f"log {position.log_index}"


def _silences(snapshot: Snapshot, lead: Lead) -> list[Text]:
    """Say which silences in force hold back alerts of a lead, to all receivers or to some."""
    return [
        fact("silenced", f"{' '.join(each.sinks)} until {fmt.time(each.until)} by {each.author}: {each.reason}".strip())
        for each in snapshot.silences
        if each.active(snapshot.now) and each.holds(lead, each.sinks[0] if each.sinks else "")
    ]


def _reviews(snapshot: Snapshot, lead: Lead) -> list[Text]:
    history = [row for row in snapshot.dispositions if row.lead_id == lead.lead_id]
    lines = [fact(fmt.time(row.at) or "", f"{row.disposition} {row.reviewer} {row.reason}".strip()) for row in history]
    return [heading("Reviewed"), *lines] if lines else []


def _evidence(findings: list[Finding]) -> list[Row]:
    cited: dict[Position, list[str]] = {}
    for finding in findings:
        for position in finding.evidence:
            cited.setdefault(position, []).append(finding.rule)
    rows: list[Row] = []
    for position in sorted(cited):
        rules = ", ".join(sorted(set(cited[position])))
        tx = fmt.hex_text(position.tx_hash) or ""
        how = f"{rules}: block {position.block_number}, {_within(position)}"
        rows.append(related("evidence", "tx", f"{position.chain_id}:{tx}", how, tx))
    return rows


def _leases(lead: Lead) -> list[Row]:
    return [related("lease", "lease", key, "leased by the cluster") for key in lead.leases]


def _wallets(snapshot: Snapshot, lead: Lead) -> list[Row]:
    rows: list[Row] = []
    by_chain: dict[int, list[bytes]] = {}
    for wallet in lead.wallets:
        chain, raw = split_wallet(wallet)
        by_chain.setdefault(chain, []).append(raw)
    for chain, wallets in sorted(by_chain.items()):
        paths = paths_from(wallets[0], edges(snapshot.links, chain, wallets))
        for raw in wallets:
            text = fmt.address(raw) or ""
            how = _path_words(wallets[0], paths[raw]) if raw in paths else "in the cluster; its links are elsewhere"
            rows.append(related("wallet", "wallet", f"{chain}:{text}", how, text))
    return rows


def _path_words(start: bytes, path: tuple[Edge, ...]) -> str:
    words = fmt.short(fmt.address(start))
    at = start
    for edge in path:
        at = edge.b if edge.a == at else edge.a
        words += f" ─{edge.heuristic} {fmt.number(edge.weight)} bits→ {fmt.short(fmt.address(at))}"
    return words if path else "where the paths start"
