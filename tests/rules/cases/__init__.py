"""Worlds of every rule: `CASES[id]` fires in one and stays quiet in at least two look-alikes."""

from tests.rules.cases import funding, lists, market, moving, site, supply
from tests.rules.play import Case

CASES: dict[str, Case] = {
    rule: case for kind in (funding, lists, market, moving, site, supply) for rule, case in kind.CASES.items()
}
