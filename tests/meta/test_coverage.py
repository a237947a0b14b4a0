"""The table of docs/markets.md is made from the adapters: `PYTHONPATH=. python tests/meta/test_coverage.py`."""

from pathlib import Path

from monitor.config.resources import bundled
from monitor.markets.coverage import ASPECTS, coverage
from monitor.markets.load import Market, load_markets

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "markets.md"
BEGIN, END = "<!-- markets: made by tests/meta/test_coverage.py from abis/ -->\n", "<!-- /markets -->"


def cell(market: Market, aspect: str) -> str:
    return market.missing.get(aspect) or str(getattr(coverage(market), aspect))


def table() -> str:
    lines = [
        "| market | chains | leases | GPU | region | price | payer | verified |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for market in load_markets([bundled("abis")]).values():
        row = coverage(market)
        cells = [cell(market, aspect) for aspect in ("lease", *ASPECTS)]
        named = (chain + " (only if configured)" * (chain in row.opt_in) for chain in row.chains)
        chains = ", ".join(named) or "by configuration"
        lines.append(f"| {row.title} | {chains} | {' | '.join(cells)} | {row.verified} |")
    return "\n".join(lines) + "\n"


def made(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


def test_the_document_shows_the_markets_as_the_adapters_have_them():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert BEGIN in text
    assert made(text) == text


def test_what_a_market_does_not_tell_it_explains():
    silent = [
        (market.id, aspect)
        for market in load_markets([bundled("abis")]).values()
        for aspect in ("lease", *ASPECTS)
        if getattr(coverage(market), aspect) == "no" and aspect not in market.missing
    ]
    assert silent == []


if __name__ == "__main__":
    DOCUMENT.write_text(made(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
