"""Words of a lead: what matched, how sure, what else it may be; never an accusation."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.model.lead import Finding, Lead
from monitor.rules.legal import LegalFile
from monitor.rules.registry import all_rules

__all__ = ["finding_text", "lead_text"]

_REVIEW = "For human review; it does not state that a law was broken."


def finding_text(finding: Finding) -> str:
    """Say one finding in a sentence."""
    return f"{finding.typology} matched: {finding.summary} (threshold: {finding.threshold})."


def lead_text(lead: Lead, findings: Iterable[Finding], legal: LegalFile) -> str:
    """Say a lead in full, one paragraph per line; `findings` may be all findings, those of the lead are picked."""
    mine = sorted(
        (finding for finding in findings if finding.finding_id in set(lead.findings)),
        key=lambda finding: (finding.typology, finding.finding_id),
    )
    titles = {rule.id: rule.title for rule in all_rules()}
    patterns = ", ".join(f"{name} ({titles[name]})" if name in titles else name for name in lead.typologies)
    count = len({position for finding in mine for position in finding.evidence})
    lawful = sorted({caveat for finding in mine for caveat in finding.caveats})
    return "\n".join(
        [
            f"Pattern {patterns} matched, confidence {lead.confidence}, evidence {count} chain positions.",
            f"Severity {lead.severity}, score {lead.score}.",
            *(finding_text(finding) for finding in mine),
            f"Common lawful explanations: {'; '.join(lawful)}.",
            _REVIEW,
            legal.statement,
        ]
    )
