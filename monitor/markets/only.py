"""The events a deployment is bounded to, as the topics they are asked for by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from eth_hash.auto import keccak

from monitor.abi import EventDecl
from monitor.abi.declaration import Param
from monitor.abi.encoding import encode
from monitor.markets.spec import DeploymentTable, OnlyTable
from monitor.markets.standards import COMMON, EPOCHS
from monitor.model.chain import Topics

__all__ = ["ANY", "topics_of"]

ANY = "any"
"""Stands for an address where events are read wherever they are emitted."""
_WORD = 32


def topics_of(item: DeploymentTable, decls: Sequence[EventDecl]) -> tuple[Topics, ...]:
    """Say by which topics a deployment is asked for, given the events its role emits; none: all logs of the contract.

    Events that differ in topic0 alone are asked for together; what marks an upgrade of the contract is asked for too.
    Raises ValueError for what names no event or argument, cannot be encoded, or is bounded by nothing.
    """
    if item.address == ANY and not item.only:
        message = "any address is bounded by events only: name them in `only`"
        raise ValueError(message)
    found: dict[Topics, set[bytes]] = defaultdict(set)
    for entry in item.only:
        layouts = {(decl.topic0, _tail(decl, entry)) for decl in decls if decl.name == entry.event}
        if not layouts:
            message = f"only: role {item.role} emits no {entry.event}"
            raise ValueError(message)
        for topic0, tail in layouts:
            if item.address == ANY and topic0 in COMMON and not tail:
                message = f"only: {entry.event} is emitted all over the chain; bind it by an indexed argument"
                raise ValueError(message)
            found[tail].add(topic0)
    if item.only and item.address != ANY:
        found[()] |= {decl.topic0 for decl in EPOCHS}
    return tuple(sorted(((tuple(sorted(first)), *tail) for tail, first in found.items()), key=repr))


def _tail(decl: EventDecl, entry: OnlyTable) -> Topics:
    """Write the topics after the first, up to the last that is bounded."""
    indexed = [param for param in decl.params if param.indexed]
    for name in entry.args:
        if name not in {param.name for param in indexed}:
            message = f"only: {decl.name} has no indexed argument {name}"
            raise ValueError(message)
    words = [tuple(_words(param, entry)) or None for param in indexed]
    while words and words[-1] is None:
        words.pop()
    return tuple(words)


def _words(param: Param, entry: OnlyTable) -> Iterator[bytes]:
    given = entry.args.get(param.name, [])
    values: Iterable[str | int | bool] = given if isinstance(given, list) else [given]
    kind = param.type.canonical()
    for value in sorted(set(values), key=str):
        if kind == "string" and isinstance(value, str):
            yield keccak(value.encode())
            continue
        try:
            raw = bytes.fromhex(value[2:]) if isinstance(value, str) and kind.startswith("bytes") else value
            word = encode([kind], [raw])
        except (ValueError, TypeError) as error:
            message = f"only: {value!r} is no {kind} that {param.name} can be"
            raise ValueError(message) from error
        if len(word) != _WORD:
            message = f"only: {param.name} is a {kind}; its topic is a hash"
            raise ValueError(message)
        yield word
