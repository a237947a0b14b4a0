"""Tables of markets in documents are made from the adapters: `PYTHONPATH=. python tests/meta/test_coverage.py`."""

from pathlib import Path

import pytest

from monitor.config.resources import bundled
from monitor.markets.coverage import ASPECTS, coverage
from monitor.markets.load import Market, load_markets

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {"README.md": False, "docs/markets.md": True}
"""Where a table stands, and whether it says why a market does not tell something."""
BEGIN, END = "<!-- markets: made by tests/meta/test_coverage.py from abis/ -->\n", "<!-- /markets -->"


def cell(market: Market, aspect: str, *, why: bool) -> str:
    told = str(getattr(coverage(market), aspect))
    reason = market.missing.get(aspect)
    if why:
        return reason or told
    return "-" if told == "no" else "in part" if reason else told


def table(*, why: bool) -> str:
    lines = [
        "| market | chains | leases | GPU | region | price | payer | verified |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for market in load_markets([bundled("abis")]).values():
        row = coverage(market)
        cells = [cell(market, aspect, why=why) for aspect in ("lease", *ASPECTS)]
        named = (chain + " (only if configured)" * (chain in row.opt_in) for chain in row.chains)
        chains = ", ".join(named) or "by configuration"
        lines.append(f"| {row.title} | {chains} | {' | '.join(cells)} | {row.verified} |")
    return "\n".join(lines) + "\n"


def made(text: str, *, why: bool) -> str:
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table(why=why) + END + rest.partition(END)[2]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_document_shows_the_markets_as_the_adapters_have_them(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert BEGIN in text
    assert made(text, why=DOCUMENTS[name]) == text


def test_what_a_market_does_not_tell_it_explains():
    silent = [
        (market.id, aspect)
        for market in load_markets([bundled("abis")]).values()
        for aspect in ("lease", *ASPECTS)
        if getattr(coverage(market), aspect) == "no" and aspect not in market.missing
    ]
    assert silent == []


if __name__ == "__main__":
    for document, reasons in DOCUMENTS.items():
        before = (ROOT / document).read_text(encoding="utf-8")
        (ROOT / document).write_text(made(before, why=reasons), encoding="utf-8")
