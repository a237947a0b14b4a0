"""Refuse JSON that is nested absurdly deep, before a parser that recurses in C meets it.

msgspec stops at Python's recursion limit, but libraries that web3 loads (py_ecc) raise that limit to 100,000, where the
C stack ends first and takes the process with it.
"""

from __future__ import annotations

__all__ = ["MAX_DEPTH", "too_deep"]

MAX_DEPTH = 200
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))


def too_deep(data: bytes | str, limit: int = MAX_DEPTH) -> bool:
    """Whether JSON text may be nested deeper than `limit`; costs a few passes at the speed of memory.

    Brackets inside strings count as brackets, so text with more than `limit` unpaired ones is refused as well.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    brackets = raw.translate(None, delete=_NOT_BRACKETS)
    # Each round takes the innermost level away; what is left of flat data after a few rounds is nothing.
    for taken in range(limit + 1):
        if len(brackets) <= limit - taken:
            return False
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return True
