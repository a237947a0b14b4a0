"""Value that contracts moved inside transactions: rows of their own, named so that every way to learn of it agrees."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitor.model.chain import RawTransfer

__all__ = ["Moved", "inside_rows"]


class Moved(NamedTuple):
    """What a transaction moved inside: `value` in wei."""

    tx_hash: bytes
    sender: bytes
    recipient: bytes
    value: int


def inside_rows(every: Mapping[bytes, RawTransfer], moved: Iterable[Moved]) -> list[RawTransfer]:
    """Make rows of what was moved, beside the transactions it happened in (`every`, by hash).

    Traces tell the place of a call and an index of transfers does not: a row is named after its two ends, its value and
    how often the same had been moved before in that transaction. Who sees one of them sees all: they share a wallet.
    """
    seen: Counter[Moved] = Counter()
    rows = []
    for item in moved:
        name = hashlib.sha256(item.sender + item.recipient + item.value.to_bytes(32)).hexdigest()[:16]
        whole = every[item.tx_hash]
        trace = f"{name}.{seen[item]}"
        seen[item] += 1
        rows.append(
            whole._replace(sender=item.sender, recipient=item.recipient, value=item.value, nonce=None, trace=trace)
        )
    return rows
