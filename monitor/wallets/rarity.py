"""How many renters have what: counts that follow the traits, and what sharing a trait weighs by them."""

from __future__ import annotations

from collections import Counter

import polars as pl

from monitor.wallets.evidence import rarity_tenths
from monitor.wallets.siblings import RARITY

__all__ = ["Counts"]

_ANY = b""
_STEPS = (2, 4, 8, 16)
"""A trait weighs by whether these multiples of its renters exceed all renters (`rarity_tenths`)."""
_NOTHING = pl.Series("value", [], pl.Binary())
_COUNTED: dict[str, pl.DataType] = {
    **{name: kind for name, kind in RARITY.items() if name != "tenths"},
    "having": pl.Int64(),
    "total": pl.Int64(),
}

Key = tuple[int, str]


class Counts:
    """Renters by chain, kind and value of a trait; counted by what came and went, as the set of traits says."""

    def __init__(self) -> None:
        self._having: dict[Key, Counter[bytes]] = {}

    def rarity(self, traits: pl.DataFrame) -> pl.DataFrame:
        """Weigh these traits (TRAITS → RARITY), each once."""
        kept = traits.select("chain_id", "what", "value").unique()
        counted = [
            (chain_id, what, value, self._having[chain_id, what][value], self._having[chain_id, what][_ANY])
            for chain_id, what, value in kept.iter_rows()
        ]
        return _weighed(counted)

    def take(self, gone: pl.DataFrame, fresh: pl.DataFrame) -> pl.Series:
        """Count traits (TRAITS) that came and went; returns the values that weigh something else than before."""
        before: dict[Key, dict[bytes, int]] = {}
        for rows, sign in ((gone, -1), (fresh, 1)):
            grouped = rows.group_by("chain_id", "what", "value").len()
            for chain_id, what, value, count in grouped.iter_rows():
                having = self._having.setdefault((chain_id, what), Counter())
                before.setdefault((chain_id, what), {}).setdefault(value, having[value])
                having[value] += sign * count
                if not having[value]:
                    del having[value]
        return pl.concat([_NOTHING, *(self._changed(*key, old) for key, old in before.items())])

    def _changed(self, chain_id: int, what: str, old: dict[bytes, int]) -> pl.Series:
        """List the values of one kind that weigh something else than when `old` counts and all others stood."""
        having = self._having[chain_id, what]
        was, now = old.get(_ANY, having[_ANY]), having[_ANY]
        low, high = sorted((was, now))
        passed = {count for step in _STEPS for count in range(low // step + 1, high // step + 1)}
        looked = {*old, *(value for value, count in having.items() if count in passed)} if passed else set(old)
        values = sorted(looked - {_ANY})
        before = _weighed([(chain_id, what, value, old.get(value, having[value]), was) for value in values])
        after = _weighed([(chain_id, what, value, having[value], now) for value in values])
        return after.filter(before.get_column("tenths") != after.get_column("tenths")).get_column("value")


def _weighed(rows: list[tuple[int, str, bytes, int, int]]) -> pl.DataFrame:
    counted = pl.DataFrame(rows, schema=_COUNTED, orient="row")
    tenths = rarity_tenths(pl.col("having"), pl.col("total")).cast(pl.Int64()).alias("tenths")
    return counted.with_columns(tenths).select(RARITY.keys())
