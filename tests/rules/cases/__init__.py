"""Worlds of every rule: `CASES[id]` fires in one and stays quiet in at least two look-alikes."""

from tests.rules.cases import funding, market, site, supply
from tests.rules.play import Case

CASES: dict[str, Case] = {**funding.CASES, **supply.CASES, **market.CASES, **site.CASES}
