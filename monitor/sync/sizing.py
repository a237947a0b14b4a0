"""Answers of nodes that refuse eth_getLogs: what they mean, and how wide the next request is.

The same code stands for different things at different providers (-32005 is both "too many results" and "too many
requests"), so the message is read before the code. The texts are those of Alchemy, Infura, Ankr, QuickNode, BlockPI,
Chainstack, Coinbase, PublicNode, Cloudflare, thirdweb, dRPC, Blast, Moralis, Tron, geth, reth, Erigon, Avalanche.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "Elsewhere",
    "Later",
    "Narrow",
    "Sizing",
    "Verdict",
    "classify",
    "first_sizing",
    "grown",
    "is_bare",
    "narrowed",
]

MAX_MESSAGE = 2_000
"""Characters of an error text that are read: hints stand at the start, and the text is a stranger's."""

GROW_AFTER = 4
"""Good answers before the range grows again towards one that was refused."""
START = 100
"""Blocks of the first requests: few enough for the most crowded contract, and what is in memory before it is known."""
_LEAP = 40
"""What a range grows by after an answer that is nearly empty: two leaps from the first to the widest."""
TARGET_ROWS = 8_000
"""Logs an answer should have: below the common limit of 10,000, and about 5 MB."""


class Narrow(NamedTuple):
    """Ask for less: `blocks` is the width the node suggests, `lasting` when that is a rule for every request."""

    blocks: int | None = None
    lasting: bool = False


class Later(NamedTuple):
    """Too many requests: the same request may succeed after a pause."""


class Elsewhere(NamedTuple):
    """This node cannot answer (it has pruned, or refuses the method): ask another.

    `lagging` when it is behind; `passing` when the trouble is of the moment, and the same request may succeed.
    """

    lagging: bool = False
    passing: bool = False


Verdict = Narrow | Later | Elsewhere

_NUMBER = r"(0x[0-9a-f]{1,16}|\d[\d,_']{0,15})"
_SUGGESTED = re.compile(
    rf"(?:this block range should work|try with this block range|retry with (?:the |this )?(?:block )?range)"
    rf"[:\s]*\[?\s*{_NUMBER}\s*(?:,|-|to)\s*{_NUMBER}",
)
_RULES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\(\s*{_NUMBER}\s*>\s*{_NUMBER}\s*\)",
        rf"range:?\s*[\d,]+,?\s*max(?:imum)?:?\s*{_NUMBER}\s*(k)?\b",
        rf"requested:?\s*[\d,]+,?\s*max(?:imum)?:?\s*{_NUMBER}\s*(k)?\b",
        rf"range [\d,]+ exceeds (?:the )?limit of {_NUMBER}\s*(k)?",
        rf"range.{{0,20}} exceeds (?:the )?maximum {_NUMBER}\s*(k)?",
        rf"range greater than {_NUMBER}\s*(k)? max",
        rf"too many blocks .{{0,60}}maximum is set to {_NUMBER}",
        rf"block range greater than {_NUMBER}",
        rf"(?:is |are )?limited to (?:a |an )?{_NUMBER}\s*(k)?\s*(?:block|range)",
        rf"limited to (?:a |an )?{_NUMBER}\s*(k)?\b(?! ?(?:result|log|event|byte|request))",
        rf"up to (?:a |an )?{_NUMBER}\s*(k)? block range",
        rf"max(?:imum)?(?: allowed)?(?: block)? range(?: is| of|:|=)*\s*{_NUMBER}\s*(k)?",
        rf"maximum (?:allowed )?(?:number of )?(?:requested )?blocks?(?: allowed)?(?: is| of|:)*\s*{_NUMBER}\s*(k)?",
        rf"maximum allowed (?:is )?{_NUMBER}\s*(k)? blocks",
        rf"maximum \[?from, to\]? blocks distance:?\s*{_NUMBER}\s*(k)?",
        rf"exceeds? max(?:imum)? block range:?\s*{_NUMBER}\s*(k)?",
        rf"at most {_NUMBER}\s*(k)? blocks",
        rf"(?:ranges?|range of|more than) (?:over )?{_NUMBER}\s*(k)? blocks",
        (
            rf"range (?:is )?(?:too (?:large|wide|big)|exceeds?|limit)[^0-9]{{0,40}}{_NUMBER}(?!\d)\s*(k)?"
            r"(?! ?(?:result|log|event))"
        ),
        rf"{_NUMBER}\s*(k)?[- ]blocks? (?:range )?(?:limit|maximum|max)",
    )
)
_ANKR = ("block range is too wide", -32600, 3_000)
"""Ankr tells no number: text, code and the limit of its public endpoints."""
_LATER = re.compile(
    r"rate.?limit|too many requests?|requests? (?:per|rate)|request (?:limit|count)|/sec(?:ond)?\b|per second"
    r"|compute units|throughput|\bquota\b|credits|capacity exceeded|throttl|slow down|try again later|over capacity"
)
_LAGGING = re.compile(
    r"unknown block|header not found|block not found|block .{0,80}not (?:found|available)"
    r"|cannot (?:find block|be found)"
    r"|after last accepted block|beyond (?:the )?(?:current )?head|greater than (?:the )?(?:latest|head)"
    r"|invalid block range params|future block|not yet available|does not exist yet|resource not found"
)
_GONE = re.compile(r"pruned|missing trie|archive|history|method .{0,60}(?:not found|not exist|not supported)|unauthori")
_TOO_MUCH = re.compile(
    r"query returned more than|more than [\d,]+ (?:results|logs|events)|exceeds? (?:the )?(?:max|limit|allowed)"
    r"|limit exceeded|limit of [\d,]+|(?:response|result|results|content|payload|body|batch|message).{0,40}"
    r"(?:too (?:large|big|many|long)|size (?:exceeded|should not)|exceed)"
    r"|too (?:many|much) (?:results|logs|data|events)"
    r"|range.{0,60}(?:too|exceed|limit|large|wide|big|not supported)|blocks? range|max results|result window"
    r"|timeout|timed out|took too long|deadline exceeded|reduce|smaller|narrow|cancel"
)
_BARE = re.compile(r"(?:request )?(?:limit (?:was |is )?(?:exceeded|reached)|exceeded (?:the )?limit)?\W*")
_BARE_CODE = -32005
_PASSING = re.compile(
    r"internal (?:server )?error|temporar|unavailable|overload|upstream|bad gateway|no backend"
    r"|connection (?:reset|refused)|server (?:is )?busy|failed to (?:forward|fetch)|could not (?:forward|connect)"
)
_TOO_MUCH_CODES = frozenset({-32005, -32602, -32600, -32000, -32614, 35})
"""Codes that mean a range or result limit somewhere when the text says nothing known."""


def classify(message: str, code: int | None = None) -> Verdict:
    """Tell what a refusal of eth_getLogs asks for, by its text first and its code only when the text is unknown."""
    text = message[:MAX_MESSAGE].lower()
    suggested = _SUGGESTED.search(text)
    if suggested:
        low, high = _number(suggested[1]), _number(suggested[2])
        capped = "block range" in text and not re.search(r"result|response size|cap of", text)
        return Narrow(abs(high - low) + 1, lasting=capped)
    if _LATER.search(text):
        return Later()
    if _LAGGING.search(text):
        return Elsewhere(lagging=True)
    ruled = next((found for rule in _RULES if (found := rule.search(text))), None)
    if ruled:
        return _ruled(ruled)
    if _PASSING.search(text) and not _TOO_MUCH.search(text):
        return Elsewhere(passing=True)
    gone = _GONE.search(text) and not _TOO_MUCH.search(text)
    known = _TOO_MUCH.search(text) or code in _TOO_MUCH_CODES
    return _untold(text, code) if known and not gone else Elsewhere()


def is_bare(message: str, code: int | None = None) -> bool:
    """Whether a refusal names a limit and not which: of results to a range of logs, of calls to any other question."""
    text = message[:MAX_MESSAGE].strip().lower()
    return bool(_BARE.fullmatch(text)) and (bool(text) or code == _BARE_CODE)


class Sizing(NamedTuple):
    """How many blocks the next request spans: `size`, never above `ceiling`.

    It reaches `wall`, the narrowest range that was refused without a rule, only by small steps; `streak` counts good
    answers since a change.
    """

    size: int
    ceiling: int
    wall: int | None = None
    streak: int = 0


def first_sizing(max_span: int) -> Sizing:
    """Begin with a range that nearly every node takes."""
    return Sizing(min(START, max_span), max_span)


def grown(sizing: Sizing, asked: int, rows: int) -> Sizing:
    """Learn from an answer of `rows` logs over `asked` blocks: to ask for about TARGET_ROWS, in steps.

    A range shorter than the size says nothing about what the node takes, and widens nothing. Near a range that was
    refused the size grows by a sixteenth of it every few answers (additive increase).
    """
    fitting = sizing.ceiling if rows == 0 else max(1, asked * TARGET_ROWS // rows)
    if fitting < sizing.size:
        return sizing._replace(size=max(fitting, sizing.size // 2), streak=0)
    if asked < sizing.size or sizing.size >= sizing.ceiling:
        return sizing
    wanted = min(sizing.ceiling, fitting // 2, _LEAP * sizing.size) if rows * 8 < TARGET_ROWS else 0
    wanted = max(wanted, min(sizing.ceiling, fitting, 2 * sizing.size))
    if sizing.wall is None or wanted < sizing.wall:
        return sizing._replace(size=wanted, streak=0)
    if sizing.streak + 1 < GROW_AFTER:
        return sizing._replace(streak=sizing.streak + 1)
    size = min(wanted, sizing.size + max(1, sizing.wall // 16))
    return sizing._replace(size=size, wall=sizing.wall if size < sizing.wall else None, streak=0)


def narrowed(sizing: Sizing, asked: int, refusal: Narrow) -> Sizing:
    """Shrink after a refusal of `asked` blocks: to the hint when that is less, else to half (multiplicative decrease).

    A hint that does not shrink the request (reth can suggest the very range it refused) counts as none.
    """
    hint = refusal.blocks
    helpful = hint is not None and 0 < hint < asked
    size = hint if helpful and hint is not None else max(1, asked // 2)
    ceiling = min(sizing.ceiling, size) if helpful and refusal.lasting else sizing.ceiling
    wall = sizing.wall if helpful and refusal.lasting else min(asked, sizing.wall or asked)
    # Requests in flight were sized before another's refusal: a late one must not widen the range again.
    return Sizing(min(size, ceiling, sizing.size), ceiling, wall)


def _untold(text: str, code: int | None) -> Narrow:
    if code == _ANKR[1] and text.strip().rstrip(".") == _ANKR[0]:
        return Narrow(_ANKR[2], lasting=True)
    return Narrow()


def _ruled(found: re.Match[str]) -> Narrow:
    groups = [group for group in found.groups() if group and group != "k"]
    blocks = _number(groups[-1]) * (1000 if "k" in found.groups() else 1)
    return Narrow(blocks, lasting=True) if blocks > 0 else Narrow()


def _number(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(re.sub(r"[,_']", "", text))
