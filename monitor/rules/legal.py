"""The legal file: what the law looked like, as of when, and until when to trust that."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import msgspec

__all__ = ["LegalFile", "LegalRule", "RuleDate", "is_stale", "legal_status", "rule_dates"]


class LegalRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule or guidance paper; `date` is ISO, `status` as of the file's date.

    `effective` = ISO date it took effect, empty for drafts and guidance; `control` = a day on which something began to
    need a licence, before which people may hurry; `read` = how the text was read; `confidence` = in what stands here.
    """

    id: str
    date: str
    what: str
    citation: str
    status: str
    read: str
    confidence: Literal["high", "medium", "low"]
    effective: str = ""
    stages: tuple[str, ...] = ()
    """Further ISO dates from which parts of it were in force, or had to be complied with."""
    control: bool = False


class RuleDate(NamedTuple):
    """A day a control took effect; `at` in block seconds, the start of that day."""

    id: str
    date: str
    at: int


class LegalFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packaged legal background; dates are ISO, `lines` is what every lead and export shows."""

    version: str
    as_of: str
    verify_by: str
    jurisdiction: str
    lines: tuple[str, ...]
    rule: tuple[LegalRule, ...]

    @property
    def statement(self) -> str:
        """The whole block as one line."""
        head = f"Legal file {self.version}; jurisdiction {self.jurisdiction}; verify by {self.verify_by}."
        return " ".join((head, *self.lines))


@cache
def legal_status() -> LegalFile:
    """Read the packaged legal file."""
    text = files("monitor.rules").joinpath("legal.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), LegalFile)


def is_stale(legal: LegalFile, today: str) -> bool:
    """Whether the file should have been verified before `today` (ISO date)."""
    return today > legal.verify_by


def rule_dates() -> tuple[RuleDate, ...]:
    """List the days on which a control of the legal file took effect, whole or in part, oldest first."""
    controls = [rule for rule in legal_status().rule if rule.control]
    dated = sorted((day, rule.id) for rule in controls for day in (rule.effective, *rule.stages))
    return tuple(
        RuleDate(name, day, int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())) for day, name in dated
    )
