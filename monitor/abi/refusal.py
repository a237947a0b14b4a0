"""What every decoder is, and how it says no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Decoder", "Undecodable"]


class Undecodable(ValueError):
    """A log does not hold what its event declares; the text is the reason that quarantine shows."""


Decoder = Callable[[Sequence[bytes], bytes], tuple[Any, ...]]
"""`(topics, data) -> values` in the order of the declaration; raises Undecodable and nothing else.

address, bytes → bytes; uint, int → int; bool → bool; string → str (invalid UTF-8 becomes U+FFFD); fixed → Decimal;
array → list; tuple → dict by component name; an indexed array, tuple, string or bytes → the 32 bytes of its hash."""
