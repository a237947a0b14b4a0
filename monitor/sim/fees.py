"""What the people of a world set for fees: wallet software does it for most, few set a tip, a script carries one along.

A tip never comes out of the story's own chance, so worlds are the same with and without. Software knows three ways: one
tip, another tip, and what the network asks for in that hour.
"""

from __future__ import annotations

import hashlib
import random

__all__ = ["GWEI", "own_tip", "software_tip"]

GWEI = 10**9
_HOUR = 3600
_COMMON, _SECOND = 5, 8
"""Of ten wallets five run the software that sets 1.5 gwei, three the one that sets 2 gwei, two follow the network."""
_ROUND = (1 * GWEI, 5 * GWEI // 2, 3 * GWEI, 5 * GWEI, 10 * GWEI)


def software_tip(wallet: bytes, at: int) -> int:
    """Give the tip (wei per gas) that a wallet's software sets at a second of the story."""
    kind = _draw(b"software", wallet) % 10
    if kind < _COMMON:
        return 3 * GWEI // 2
    if kind < _SECOND:
        return 2 * GWEI
    return (800 + _draw(b"network", str(at // _HOUR).encode()) % 2_000) * GWEI // 1_000


def own_tip(seed: str, share: float) -> int | None:
    """Give the tip that somebody set by hand or in a script, for a share of them: half like round ones."""
    chance = random.Random(seed)
    if chance.random() >= share:
        return None
    return chance.choice(_ROUND) if chance.random() < 0.5 else chance.randrange(1_001, 9_999) * GWEI // 1_000


def _draw(what: bytes, of: bytes) -> int:
    return int.from_bytes(hashlib.sha256(what + of).digest()[:8])
