"""What speaks against an answer of eth_getLogs, and what it costs to find out: blooms, and how often to look twice.

A header's bloom has three bits set for the address and for each topic of every log in the block (yellow paper, 4.4.3).
It can say that a block may hold a log, or that it cannot. Some chains set more bits than their logs', so a bloom that
says maybe proves nothing by itself, and some leave it empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from eth_hash.auto import keccak

from monitor.sync.fragment import LogFilter

__all__ = ["Trust", "Way", "bloom_of", "holds", "is_crisp", "lacking", "way"]

_BITS = 2048
_CRISP = 0.01
"""Chance of saying maybe by accident up to which a bloom is worth a look at the block's receipts."""
_LOOK = 4
"""What a second look costs beside its logs, in headers."""
_ROWS_PER_HEADER = 3
"""Logs that weigh as much as a header."""
_CHEAP = 10
"""Rows per header up to which evidence is always gathered."""
_PROVEN_AFTER = 64
"""Answers that stood the test before only some are tested."""
_EVERY = 4


@lru_cache(100_000)
def _mask(item: bytes) -> int:
    digest = keccak(item)
    mask = 0
    for place in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[place : place + 2], "big") % _BITS)
    return mask


def bloom_of(items: Iterable[bytes]) -> int:
    """Set the bits of addresses and topics, as a number of 2,048 bits."""
    found = 0
    for item in items:
        found |= _mask(item)
    return found


def holds(bloom: bytes, items: Iterable[bytes]) -> bool:
    """Whether a bloom has the bits of all these addresses and topics."""
    wanted = bloom_of(items)
    return int.from_bytes(bloom, "big") & wanted == wanted


def lacking(bloom: bytes, wanted: LogFilter, present: Collection[bytes]) -> bool:
    """Whether a block may hold wanted logs of an address that is not among those `present` in the answer.

    A filter for any address is held against the topics alone.

    With topics in the filter only a block without any log in the answer is looked at: who has sent one may have sent
    another.
    """
    bits = int.from_bytes(bloom, "big")

    def may(item: bytes) -> bool:
        mask = _mask(item)
        return bits & mask == mask

    if wanted.topics and present:
        return False
    if wanted.addresses and not any(may(address) for address in wanted.addresses if address not in present):
        return False
    return all(words is None or any(map(may, words)) for words in wanted.topics)


def is_crisp(bloom: bytes, wanted: LogFilter) -> bool:
    """Whether a bloom is empty enough that it seldom says maybe to this filter by accident."""
    once = (int.from_bytes(bloom, "big").bit_count() / _BITS) ** 3
    chance = 1 - (1 - once) ** len(wanted.addresses) if wanted.addresses else 1.0
    for words in wanted.topics:
        if words is not None:
            chance *= 1 - (1 - once) ** len(words)
    return chance <= _CRISP


Way = Literal["headers", "again"]


def way(blanks: int, rows: int, *, blooms: bool) -> tuple[Way, bool]:
    """Choose how to test an answer of `rows` logs that says nothing of `blanks` blocks, and whether it is cheap.

    Either the headers of those blocks are read for their blooms (where `blooms` can be used), or the same is asked
    again, in another cut or elsewhere.
    """
    look = _LOOK + rows // _ROWS_PER_HEADER
    if blooms and blanks <= look:
        return "headers", blanks <= 1 + rows // _CHEAP
    return "again", False


class Trust(NamedTuple):
    """How many tested answers in a row were true, and how many came since the last test."""

    proven: int = 0
    untested: int = 0

    @property
    def is_new(self) -> bool:
        """Whether it has yet to stand most of its tests: a stranger."""
        return self.proven < _PROVEN_AFTER

    @property
    def is_due(self) -> bool:
        """Whether the next answer is to be tested: all of a stranger's, every fourth after a long time of truth."""
        return self.is_new or self.untested + 1 >= _EVERY

    def tested(self) -> Trust:
        """Count an answer that stood the test."""
        return Trust(self.proven + 1)

    def skipped(self) -> Trust:
        """Count an answer that was not tested."""
        return self._replace(untested=self.untested + 1)
