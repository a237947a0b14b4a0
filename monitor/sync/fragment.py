"""Fragments: the smallest things whose coverage is kept, and the log filters they are asked for with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from monitor.model.chain import RawLog, Topics

__all__ = [
    "INDEXES",
    "MAX_ALTERNATIVES",
    "METHOD",
    "NATIVE_KINDS",
    "TRANSFER",
    "WHOLE_BLOCKS",
    "Fragment",
    "FragmentKind",
    "LogFilter",
    "Want",
    "contract_fragment",
    "events_fragment",
    "filters",
    "halves",
    "matches",
    "native_fragment",
    "native_kinds",
    "transfers_fragment",
]

MAX_ALTERNATIVES = 100
"""Addresses or wallets OR'ed in one filter: providers refuse long lists well above this."""

TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
"""topic0 of `Transfer(address,address,uint256)` (ERC-20)."""

FragmentKind = Literal["logs", "events", "transfers", "native", "traces", "blocktraces", "assets"]
WHOLE_BLOCKS = frozenset[FragmentKind]({"native", "blocktraces"})
"""Kinds for which every block is read: once for all wallets."""
NATIVE_KINDS = frozenset[FragmentKind]({"native", "traces", "blocktraces", "assets"})
"""Ways to read native value: by blocks alone, or with what contracts moved inside, by traces or an index."""
INDEXES = frozenset[FragmentKind]({"traces", "assets"})
"""Those that find a wallet's blocks without going through all of them."""
METHOD: dict[FragmentKind, str] = {
    "native": "eth_getBlockByNumber",
    "traces": "trace_filter",
    "blocktraces": "trace_block",
    "assets": "alchemy_getAssetTransfers",
}
"""The method each of them rests on."""
_WAYS: dict[str, tuple[FragmentKind, ...]] = {
    "auto": ("traces", "assets", "blocktraces", "native"),
    "trace": ("traces", "blocktraces"),
    "alchemy": ("assets",),
    "blocks": ("native",),
    "off": (),
}


class LogFilter(NamedTuple):
    """What eth_getLogs is asked for: any of `addresses` (none: of any contract), and the `topics`."""

    addresses: tuple[bytes, ...]
    topics: Topics = ()


class Fragment(NamedTuple):
    """One contract's logs, some events by topics, one wallet's token transfers or one wallet's native transactions.

    `key` names its coverage in the ledger; `addresses` are the contracts (the tokens of a transfers fragment; none for
    events of any contract), `wallet` the 20 bytes watched by `transfers` and NATIVE_KINDS, `topics` those of `events`.
    """

    key: str
    kind: FragmentKind
    addresses: tuple[bytes, ...]
    wallet: bytes = b""
    topics: Topics = ()


class Want(NamedTuple):
    """A fragment with the blocks that must be covered: `start` up to `stop` (left out), or to the head for None.

    What is wanted `later` is read after all else, and only where blocks can no longer change.
    """

    fragment: Fragment
    start: int
    stop: int | None = None
    later: bool = False


def contract_fragment(address: bytes) -> Fragment:
    """Name all logs of one contract."""
    return Fragment(f"logs:{address.hex()}", "logs", (address,))


def events_fragment(address: bytes, topics: Topics) -> Fragment:
    """Name the logs with these topics of one contract, or of any for an empty address; other topics: another fragment.

    Raises ValueError without topic0: nothing would bound it.
    """
    if not topics or not topics[0]:
        message = "events are asked for by topic0"
        raise ValueError(message)
    text = ";".join("*" if words is None else ",".join(word.hex() for word in words) for words in topics)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    addresses = (address,) if address else ()
    return Fragment(f"events:{digest}:{address.hex() or 'any'}", "events", addresses, topics=topics)


def transfers_fragment(wallet: bytes, tokens: Iterable[bytes]) -> Fragment:
    """Name the ERC-20 transfers from or to a wallet in any of `tokens`; another set of tokens is another fragment."""
    addresses = tuple(sorted(set(tokens)))
    digest = hashlib.sha256(b"".join(addresses)).hexdigest()[:16]
    return Fragment(f"erc20:{digest}:{wallet.hex()}", "transfers", addresses, wallet)


def native_fragment(wallet: bytes, kind: FragmentKind = "native") -> Fragment:
    """Name the transactions sent by or to a wallet; by traces, what contracts moved to or from it inside others too."""
    return Fragment(f"{'traces' if kind == 'blocktraces' else kind}:{wallet.hex()}", kind, (), wallet)


def native_kinds(way: str, *, indexed: bool) -> tuple[FragmentKind, ...]:
    """List what a configured way to read native value may mean, the cheapest first; `indexed`: an index only."""
    return tuple(kind for kind in _WAYS[way] if kind in INDEXES or not indexed)


def filters(fragments: Sequence[Fragment]) -> tuple[LogFilter, ...]:
    """Merge fragments of one kind (and one token set) into filters that match the logs of any; none for `native`."""
    addresses = tuple(sorted({address for fragment in fragments for address in fragment.addresses}))
    kinds = {fragment.kind for fragment in fragments}
    if kinds == {"logs"}:
        return tuple(LogFilter(part) for part in _batches(addresses))
    if kinds == {"events"}:
        return tuple(dict.fromkeys(LogFilter(fragment.addresses, fragment.topics) for fragment in fragments))
    if kinds == {"transfers"}:
        words = tuple(sorted({fragment.wallet.rjust(32, b"\0") for fragment in fragments}))
        return tuple(
            LogFilter(addresses, topics)
            for part in _batches(words)
            for topics in (((TRANSFER,), part), ((TRANSFER,), None, part))
        )
    return ()


def matches(wanted: LogFilter, log: RawLog) -> bool:
    """Whether a log is one that `wanted` asks for."""
    if wanted.addresses and log.address not in wanted.addresses:
        return False
    if len(log.topics) < len(wanted.topics):
        return False
    return all(words is None or log.topics[place] in words for place, words in enumerate(wanted.topics))


def halves(wanted: LogFilter) -> tuple[LogFilter, LogFilter] | None:
    """Split a filter in two that together ask for the same: by address, else by topic words; None when it is single."""
    if len(wanted.addresses) > 1:
        middle = len(wanted.addresses) // 2
        return wanted._replace(addresses=wanted.addresses[:middle]), wanted._replace(
            addresses=wanted.addresses[middle:]
        )
    for place, words in enumerate(wanted.topics):
        if words is not None and len(words) > 1:
            middle = len(words) // 2
            before, after = wanted.topics[:place], wanted.topics[place + 1 :]
            return (
                wanted._replace(topics=(*before, words[:middle], *after)),
                wanted._replace(topics=(*before, words[middle:], *after)),
            )
    return None


def _batches(items: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    for first in range(0, len(items), MAX_ALTERNATIVES):
        yield items[first : first + MAX_ALTERNATIVES]
