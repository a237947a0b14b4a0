"""What a market's events tell, and what they do not and why: a row per market for lists and docs/markets.md."""

from __future__ import annotations

from typing import NamedTuple

from monitor.markets.load import Market

__all__ = ["ASPECTS", "Coverage", "coverage"]

ASPECTS = {"gpu": "gpu_raw", "region": "region_raw", "price": "price_amount", "payer": "payer"}
"""What a lease should tell, and the unified column that does."""


class Coverage(NamedTuple):
    """One market: `lease` and each of `ASPECTS` is `yes` or `no`, and `missing` says why not."""

    market: str
    title: str
    chains: tuple[str, ...]
    lease: str
    gpu: str
    region: str
    price: str
    payer: str
    missing: str
    opt_in: tuple[str, ...]
    """Chains on which it is watched only where a configuration names it."""
    verified: str


def coverage(market: Market) -> Coverage:
    """Tell what some rule of the market sets, and the reasons of its file for the rest."""
    told = {name for rule in market.rules for name, _ in rule.sets}
    leases = any(rule.verb == "lease.open" for rule in market.rules)
    gpu, region, price, payer = (_yes(column in told) for column in ASPECTS.values())
    chains = _chains(market)
    reasons = "; ".join(f"{name}: {why}" for name, why in market.missing.items())
    seen = (_yes(leases), gpu, region, price, payer)
    return Coverage(market.id, market.title, chains, *seen, reasons, _chains(market, opt_in=True), market.verified)


def _chains(market: Market, *, opt_in: bool = False) -> tuple[str, ...]:
    found = {item.chain for item in market.deployments if item.chain and (item.opt_in or not opt_in)}
    return tuple(str(chain) for chain in sorted(found))


def _yes(told: object) -> str:
    return "yes" if told else "no"
