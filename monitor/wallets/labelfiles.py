"""Labels from the files people have: plain CSV, explorer tags, GraphSense TagPacks, OFAC's list of designated persons.

All of them come down to an address, a name and some words that say what it is. The words decide the kind; what a file
does not say (source, date, licence, confidence, kind) is filled in by whoever imports it. Files are hostile: sizes,
nesting and entities are bounded, and what is no address is skipped and counted.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree as ET

import yaml

from monitor.errors import InputError
from monitor.model.nesting import too_deep
from monitor.wallets.labels import Label

__all__ = ["FORMATS", "Filled", "Format", "read_labels"]

Format = Literal["csv", "json", "tagpack", "ofac-xml", "ofac-json"]
FORMATS: tuple[Format, ...] = ("csv", "json", "tagpack", "ofac-xml", "ofac-json")

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NAME, _SOURCE = 120, 400
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_KINDS = (
    ("listed", r"sanction|ofac|sdn|blocked|designated|listed"),
    ("mixer", r"mix|tornado|tumbl|railgun"),
    ("bridge", r"bridge"),
    ("paymaster", r"paymaster|entry ?point|bundler|erc-?4337"),
    ("payroll", r"disperse|multisend|payroll|airdrop"),
    ("mining", r"mining|miner\b|mining pool"),
    ("relayer", r"relay"),
    ("otc", r"\botc\b"),
    (
        "exchange",
        r"exchange|\bcex\b|hot wallet|binance|coinbase|kraken|okx|bybit|kucoin|huobi|gate\.io|bitfinex|gemini",
    ),
    ("swap", r"swap|\bdex\b|router|aggregator"),
    ("marketplace", r"marketplace|opensea"),
)
_COLUMNS = {
    "address": ("address", "account", "wallet", "contract address"),
    "label": ("label", "name tag", "nametag", "name_tag", "name", "entity", "tag"),
    "kind": ("kind", "category", "type", "labels", "class"),
    "source": ("source", "url", "uri"),
    "date": ("date", "lastmod", "updated"),
    "licence": ("licence", "license"),
    "confidence": ("confidence",),
}


class Filled(NamedTuple):
    """What the importer says where the file is silent; an empty `kind` goes by the words of each label."""

    source: str
    date: str
    licence: str = ""
    confidence: str = ""
    kind: str = ""


def read_labels(data: bytes, fmt: Format | None, fill: Filled) -> tuple[list[Label], int]:
    """Read labels, sorted and once each, and how many entries were no Ethereum address; None guesses the format.

    Raises InputError when the file is not what it should be.
    """
    text = data.decode("utf-8-sig", "replace")
    chosen = fmt or _guess(text)
    try:
        rows = list(_READERS[chosen](text))
    except (ET.ParseError, yaml.YAMLError, ValueError, csv.Error, RecursionError) as error:
        message = f"this is no {chosen} file: {str(error).partition(chr(10))[0][:120]}"
        raise InputError(message, hint=f"--as names the format: {', '.join(FORMATS)}") from error
    good = {_label(row, fill) for row in rows if _ADDRESS.fullmatch(row.get("address", "").strip())}
    return sorted(good), sum(not _ADDRESS.fullmatch(row.get("address", "").strip()) for row in rows)


def _guess(text: str) -> Format:
    start = text.lstrip()[:4096]
    if start.startswith("<"):
        return "ofac-xml"
    if start.startswith(("{", "[")):
        return "ofac-json" if re.search(r"sdn|idNumber", text[:65_536]) else "json"
    return "tagpack" if re.search(r"(?m)^(tags|title|creator)\s*:", text) else "csv"


def _label(row: Mapping[str, str], fill: Filled) -> Label:
    name = " ".join(row.get("label", "").split())[:_NAME] or "unnamed"
    given = row.get("date", "")[:10]
    return Label(
        address=bytes.fromhex(row["address"].strip()[2:]),
        label=name,
        kind=fill.kind or _kind(row.get("kind", ""), name),
        source=(row.get("source") or fill.source)[:_SOURCE],
        date=given if _DATE.fullmatch(given) else fill.date,
        licence=(row.get("licence") or fill.licence)[:_NAME],
        confidence=(row.get("confidence") or fill.confidence)[:_NAME],
    )


def _kind(words: str, name: str) -> str:
    """Find the kind by what the file says the thing is, and only then by its name."""
    for text in (words.lower(), name.lower()):
        if text == "owner":
            return "owner"
        for kind, pattern in _KINDS:
            if text == kind or re.search(pattern, text):
                return kind
    return "other"


def _csv(text: str) -> Iterator[dict[str, str]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    head = [name.strip().lower() for name in next(rows, [])]
    at = {field: next((head.index(name) for name in names if name in head), None) for field, names in _COLUMNS.items()}
    if at["address"] is None:
        message = f"no column {' or '.join(_COLUMNS['address'])}"
        raise ValueError(message)
    for row in rows:
        if row:
            yield {field: row[place] for field, place in at.items() if place is not None and place < len(row)}


def _json(text: str) -> Iterator[dict[str, str]]:
    """Walk any JSON for addresses, as keys or values; the nearest names around one describe it."""
    if too_deep(text):
        message = "nested too deep"
        raise ValueError(message)
    yield from _walk(json.loads(text), {})


def _walk(node: Any, above: dict[str, str]) -> Iterator[dict[str, str]]:
    match node:
        case str() if node.startswith("0x"):
            yield {**above, "address": node}
        case list():
            for item in node:
                yield from _walk(item, above)
        case dict():
            here = above | _said(node)
            for key, value in node.items():
                if _ADDRESS.fullmatch(key):
                    words = (
                        {"label": value} if isinstance(value, str) else _said(value) if isinstance(value, dict) else {}
                    )
                    yield {**here, **words, "address": key}
                elif isinstance(value, dict | list) or key in _ADDRESS_KEYS:
                    yield from _walk(value, here)


_ADDRESS_KEYS = ("address", "account", "wallet", "idNumber", "hash")


def _said(node: Mapping[str, Any]) -> dict[str, str]:
    """Read what one object says of itself, under the names files use."""
    names = {
        "label": ("lastName", "sdnName", "name", "nameTag", "label", "caption", "entity"),
        "kind": ("category", "labels", "type", "sdnType", "kind"),
        "source": ("source", "url"),
        "date": ("date", "lastmod"),
        "licence": ("licence", "license"),
        "confidence": ("confidence",),
    }
    found = {}
    for field, keys in names.items():
        value = next((node[key] for key in keys if isinstance(node.get(key), str | list)), None)
        if value is not None:
            found[field] = value if isinstance(value, str) else " ".join(str(item) for item in value[:8])
    return found


def _tagpack(text: str) -> Iterator[dict[str, str]]:
    """Read a GraphSense TagPack: what its head says holds for every tag that does not say otherwise."""
    pack = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders both
    if not isinstance(pack, dict) or not isinstance(pack.get("tags"), list):
        message = "no list of tags"
        raise ValueError(message)  # noqa: TRY004 - what is wrong is the file, not the caller
    names = ("address", "label", "category", "source", "lastmod", "license", "confidence")
    fields = dict(zip(names, ("address", "label", "kind", "source", "date", "licence", "confidence"), strict=True))
    for tag in pack["tags"]:
        if isinstance(tag, dict):
            whole = {**pack, **tag}
            yield {fields[name]: str(whole[name]) for name in names if whole.get(name) is not None}


def _ofac_xml(text: str) -> Iterator[dict[str, str]]:
    """Read OFAC's list, plain or advanced: every Ethereum address, under the last name that stands before it."""
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        message = "it declares entities"
        raise ValueError(message)
    name = ""
    for item in ET.fromstring(text).iter():  # noqa: S314 - entities are refused above
        tag, said = item.tag.rpartition("}")[2], (item.text or "").strip()
        if tag in {"lastName", "NamePartValue"} and said:
            name = said
        elif tag in {"idNumber", "VersionDetail"} and said.startswith("0x"):
            yield {"address": said, "label": name, "kind": "listed"}


def _ofac_json(text: str) -> Iterator[dict[str, str]]:
    for row in _json(text):
        yield {**row, "kind": "listed"}


_READERS = {"csv": _csv, "json": _json, "tagpack": _tagpack, "ofac-xml": _ofac_xml, "ofac-json": _ofac_json}
