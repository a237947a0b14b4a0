"""The legal file: what the law looked like, as of when, and until when to trust that."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

__all__ = ["LegalFile", "LegalRule", "is_stale", "legal_status"]


class LegalRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule or guidance paper; `date` is ISO, `status` as of the file's date."""

    id: str
    date: str
    what: str
    citation: str
    status: str


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
