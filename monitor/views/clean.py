"""Make hostile on-chain text harmless, once per kind of surface.

Sources: OWASP "CSV Injection" (formula triggers), RFC 8259 §7 (JSON strings), Unicode Standard Annex #9 (bidi controls)
and UTR #36 §3 (invisible characters). The ledger keeps the exact bytes; what is shown here is a picture of them.
"""

from __future__ import annotations

import html as _html
import json
import re
import unicodedata
from functools import lru_cache
from typing import Any

from rich.text import Text

__all__ = ["CSV_LIMIT", "FORMULA_PREFIX", "FORMULA_TRIGGERS", "csv_text", "html", "json_text", "markup", "terminal"]

FORMULA_PREFIX = "'"
FORMULA_TRIGGERS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet may take for the start of a formula: ASCII, its full-width twins, leading whitespace controls."""
CSV_LIMIT = 32_000
"""Characters kept of a CSV field: spreadsheets hold 32,767 per cell, Python's csv reader 131,072."""
MAX_MARKS = 3
"""Combining marks shown in a row: Hebrew needs up to three, a text that climbs over its neighbours more."""
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_KEPT_IN_CSV = frozenset("\t\r\n")
_SURROGATES = re.compile("[\ud800-\udfff]")


def _is_hidden(char: str) -> bool:
    if unicodedata.category(char) in _HIDDEN_CATEGORIES or char in _FILLERS:
        return True
    # Variation selectors are marks by category, but draw nothing and can smuggle bytes.
    return "\u180b" <= char <= "\u180f" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _escape(char: str) -> str:
    code = ord(char)
    if char == "\n":
        return "\\n"
    if code <= 0xFF:  # noqa: PLR2004 - the last code that two hex digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the last of four digits


@lru_cache(maxsize=4096)
def _shown(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    if _is_hidden(char):
        return _escape(char)
    return " " if unicodedata.category(char) == "Zs" else char


def _cleaned(text: str, kept: frozenset[str] = frozenset()) -> str:
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    marks = 0
    for char in text:
        if " " <= char <= "~":
            marks = 0
            out.append(char)
            continue
        if char in kept:
            out.append(char)
            continue
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        out.append(_shown(char) if marks <= MAX_MARKS else _escape(char))
    return "".join(out)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def terminal(text: str, limit: int = 200) -> str:
    r"""Show text on one line of a terminal in at most `limit` characters, `…` where it was cut.

    Escapes (ESC, C0, C1), bidi controls, zero-width and unassigned characters become visible `\x1b`, `\u202e`; line
    breaks become `\n`; lone surrogates become U+FFFD. Printable ASCII is unchanged; cleaning twice changes nothing.
    """
    # Every character gives at least one, so what lies beyond the limit need not be looked at (it may be a megabyte).
    return _cut(_cleaned(text[: limit + 1]), limit)


def markup(text: str, limit: int = 200, style: str = "") -> Text:
    """Show text as a Rich `Text`, in which `[red]`, `[@click=…]`, `:smile:` and URLs are letters and nothing else."""
    return Text(terminal(text, limit), style=style, no_wrap=True, end="")


def csv_text(text: str, limit: int | None = CSV_LIMIT) -> str:
    """Clean a CSV text field: a leading formula trigger gets the prefix `'`; at most `limit` characters.

    Escapes, bidi controls and zero-width characters become visible; TAB, CR and LF stay (quoting holds them). Meant for
    text only: numbers are written as they are.
    """
    cleaned = _cleaned(text if limit is None else text[: limit + 1], _KEPT_IN_CSV)
    if cleaned[:1] and cleaned[0] in FORMULA_TRIGGERS:
        cleaned = FORMULA_PREFIX + cleaned
    return cleaned if limit is None else _cut(cleaned, limit)


def html(text: str, limit: int = 2000) -> str:
    """Show text inside HTML, in an element or a quoted attribute."""
    return _html.escape(terminal(text, limit), quote=True)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(str(key)): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value


def json_text(value: Any) -> str:
    """Write a JSON value in ASCII without spaces: lossless and harmless on a terminal; lone surrogates become U+FFFD.

    Takes str, int, bool, None and lists and dictionaries of these; keys keep their order.
    """
    return json.dumps(_whole(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace(
        "\x7f", "\\u007f"
    )
