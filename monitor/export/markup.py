"""HTML in which text from a chain stays text: all is cleaned and escaped but the elements that are made here."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monitor.views.clean import html

__all__ = ["Html", "cells", "element", "items", "page", "table"]

_LIMIT = 4_000
_WORD = 24
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .3rem }
h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #ccd }
h3 { font-size: 1rem; margin-bottom: .2rem } p { max-width: 48rem } li { margin: .15rem 0 }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: .5rem 0 }
th, td { text-align: left; vertical-align: top; padding: .2rem .5rem; border-bottom: 1px solid #dde;
  overflow-wrap: anywhere }
th { border-bottom: 2px solid #99a } th, .words { overflow-wrap: normal } .word { white-space: nowrap }
.hex { font-family: ui-monospace, monospace; font-size: 12px }
.box { border: 1px solid #99a; border-left: 5px solid #46c; padding: .2rem 1rem; margin: 1rem 0 }
.stop { border-left-color: #b30 } .quiet { color: #556 } svg { max-width: 100%; height: auto }
@media print { body { margin: 0; max-width: none; font-size: 12px } table { font-size: 10px } .hex { font-size: 9px }
  h2, h3 { break-after: avoid } tr, svg, .box { break-inside: avoid } }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
"""Nothing is loaded, run or sent; the one style sheet is named by its hash."""


class Html(NamedTuple):
    """Markup that this module made; any other text is escaped when it goes into an element."""

    text: str


def element(name: str, *children: Html | str, **attributes: str | int) -> Html:
    """Make an element; `class_` and the like lose the underscore, `stroke_width` becomes `stroke-width`.

    Text, in children and attributes, is cleaned as for any surface and escaped.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html(str(value), _LIMIT)}"' for key, value in attributes.items()
    )
    inside = "".join(child.text if isinstance(child, Html) else html(child, _LIMIT) for child in children)
    return Html(f"<{name}{said}>{inside}</{name}>")


def items(texts: Iterable[Html | str]) -> Html:
    """Make a list."""
    return element("ul", *(element("li", text) for text in texts))


def cells(row: Sequence[Html | str], name: str = "td") -> Html:
    """Make a row of a table; hexadecimal text gets a narrow type, and no short word is broken."""
    return element("tr", *(_cell(name, value) for value in row))


def _cell(name: str, value: Html | str) -> Html:
    if isinstance(value, str) and "0x" in value:
        return element(name, value, class_="hex")
    if isinstance(value, str) and max(map(len, value.split(" "))) <= _WORD:
        return element(name, value, class_="words" if " " in value else "word")
    return element(name, value)


def table(head: Sequence[str], rows: Iterable[Sequence[Html | str]]) -> Html:
    """Make a table with a line of headings."""
    return element("table", element("thead", cells(head, "th")), element("tbody", *(cells(row) for row in rows)))


def page(title: str, *body: Html) -> str:
    """Make the whole page: it loads and runs nothing, and a browser that would is told not to."""
    inside = "\n".join(part.text for part in body)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{inside}\n</body>\n</html>\n"
    )
