"""One alphabet for every text: bounded, lower case, no markup or invisible characters, one sign for "times".

Every step is linear in the bounded text and is skipped where the text cannot need it, for a million texts go through.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache
from urllib.parse import unquote

from monitor.hardware.names import names

__all__ = ["MAX_TEXT", "normalise"]

MAX_TEXT = 512
"""Characters of a text that are looked at; real names are under 100."""

UNUSUAL = re.compile(r"[^A-Za-z0-9 _/:,;.()\[\]{}\"'=+-]|  ")
LAST_RUN = re.compile(r"[^\W_]{1,512}\Z")
MARKUP = re.compile(r"</?[a-z][^<>]{0,80}>|<!--[^<>]{0,80}-->", re.IGNORECASE)
TERMINAL = re.compile(r"\x1b(?:\[[0-9;?]{0,16}[A-Za-z]|\][^\x07\x1b]{0,80}(?:\x07|\x1b\\))")
PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
SPACES = re.compile(r"\s+")
DECIMALS = re.compile(r"(?<![a-z0-9])([0-9]+)\.[0-9]{1,3}(?=\s?g)")
SPLIT_UNIT = re.compile(r"(?<![a-z0-9])([0-9]{1,6})[ -](gi?b|gigs?|gi|g|mi?b)(?![a-z0-9])")
MIG_PROFILE = re.compile(r"(?<![0-9a-z])[1-7](?:g|c\.[1-7]g)\.[0-9]{1,3}gb(?:\+[a-z.]{1,8})?(?![0-9a-z])")
UUID = re.compile(r"(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])")
PCI_ID = re.compile(
    r"(?<![0-9a-z])(?:pci[\\/])?(?:ven_)?(?:0x)?(10de|1002|1da3|19e5)"
    r"[:&/_ -]{1,2}(?:dev_)?(?:0x)?([0-9a-f]{4})(?![0-9a-z])"
)
SERIAL = re.compile(r"(?<![a-z0-9])[0-9]{5,}(?![a-z0-9])")
"""A number that is no model, size or count; all are alike, so that texts that differ in it alone are read once."""
UUID_DASHES = 4
SIGNS = str.maketrans(
    {
        **dict.fromkeys("*\N{MULTIPLICATION SIGN}\N{MULTIPLICATION X}\N{HEAVY MULTIPLICATION X}", " x "),
        **dict.fromkeys("\N{REGISTERED SIGN}\N{TRADE MARK SIGN}", " "),
    }
)
LOOKALIKES = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0445\u0455\u0456\u0501"
    "\u03b1\u03b2\u03b5\u03b7\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c7",
    "abekmhopctxsidabehkmnoptx",
)
"""Cyrillic and Greek letters that are typed, or slipped in, for the Latin ones they look like."""


def normalise(text: str) -> str:
    """Bring a text to one alphabet, with what stands for something else (PCI ids, MIG profiles) spelt out.

    A text over the bound loses its last, possibly cut run, so that "A1000" never shrinks to "A100".
    """
    plain = text[:MAX_TEXT]
    if UNUSUAL.search(plain):
        plain = _unwrapped(plain)
        plain = plain.translate(SIGNS) if plain.isascii() else _folded(plain)
        plain = SPACES.sub(" ", plain)
    plain = plain.lower()
    if len(text) > MAX_TEXT or len(plain) > MAX_TEXT:
        plain = LAST_RUN.sub("", plain[:MAX_TEXT])
    if "." in plain:
        plain = DECIMALS.sub(r"\1", MIG_PROFILE.sub(" mig ", plain))
    if " g" in plain or " m" in plain or "-g" in plain or "-m" in plain:
        plain = SPLIT_UNIT.sub(r"\1\2", plain)
    if plain.count("-") >= UUID_DASHES:
        plain = UUID.sub(" ", plain)
    if "10de" in plain or "1002" in plain or "1da3" in plain or "19e5" in plain:
        plain = PCI_ID.sub(_device_name, plain)
    return SERIAL.sub("99999", plain)


def _unwrapped(text: str) -> str:
    """Take a text out of HTML, terminal colours and URL encoding."""
    if "\x1b" in text:
        text = TERMINAL.sub(" ", text)
    if "%" in text:
        text = PERCENT.sub(lambda match: unquote(match[0], errors="replace"), text)
    if "&" in text:
        text = html.unescape(text)
    return MARKUP.sub(" ", text) if "<" in text else text


def _folded(text: str) -> str:
    """Fold a text that is not ASCII: compatibility forms, marks, other scripts, look-alike letters."""
    folded = unicodedata.normalize("NFKC", text.translate(SIGNS)).casefold()
    visible = "".join(char for char in folded if unicodedata.category(char) not in {"Cf", "Mn", "Me"})
    for word, meaning in _aliases():
        if word in visible:
            visible = visible.replace(word, f" {meaning} ")
    plain = "".join(f" {char} " if unicodedata.category(char) == "Lo" else char for char in visible)
    return plain.translate(SIGNS).translate(LOOKALIKES)


@cache
def _aliases() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(names().aliases.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def _device_name(match: re.Match[str]) -> str:
    """Return the name a PCI id stands for, between blanks; blanks alone for a device the catalogue does not hold."""
    return f" {names().pci.get(f'{match[1]}:{match[2]}', '').lower()} "
