"""Refuse JSON that is nested absurdly deep, before a parser that recurses in C meets it.

msgspec stops at Python's recursion limit, but libraries that web3 loads (py_ecc) raise that limit to 100,000, where the
C stack ends first and takes the process with it.
"""

from __future__ import annotations

import re

import numpy as np

__all__ = ["MAX_DEPTH", "too_deep"]

MAX_DEPTH = 200
_BRACKETS = b"[]{}"
_NOT_TOLD = bytes(sorted(set(range(256)) - set(_BRACKETS + b'"')))
_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_STEP = np.zeros(256, dtype=np.int32)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


def too_deep(data: bytes | str, limit: int = MAX_DEPTH) -> bool:
    """Whether JSON text is nested deeper than `limit`; brackets inside its strings do not count.

    Costs a few passes at the speed of memory, and one over the strings where they hold escapes. Text that is no JSON is
    told as far as a parser would follow it.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    if b"\\" in raw:
        # An escaped quote ends no string, so strings are taken out one by one.
        raw = _TEXTS.sub(b"", raw)
    told = np.frombuffer(raw.translate(None, delete=_NOT_TOLD), dtype=np.uint8)
    inside = np.bitwise_xor.accumulate((told == ord('"')).astype(np.uint8)).astype(bool)
    steps = _STEP[told[~inside]]
    return bool(steps.size) and int(np.cumsum(steps).max()) > limit
