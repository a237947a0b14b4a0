"""Read event declarations: `Name(address indexed who, (uint256 a, string b)[] items, uint8)`."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from eth_hash.auto import keccak

from monitor.errors import MarketError

__all__ = ["Array", "Elementary", "EventDecl", "Param", "Tuple", "Type", "parse_event"]

MAX_TEXT = 4096
MAX_DEPTH = 8
MAX_WORDS = 1024
"""Words in the static part of an event: far above any real one, low enough to compile into straight code."""
MAX_INDEXED = 3
_MAX_BITS = 256
_MAX_PLACES = 80
_ALIASES = {"uint": "uint256", "int": "int256", "byte": "bytes1", "fixed": "fixed128x18", "ufixed": "ufixed128x18"}
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_SPACE = re.compile(r"\s*")
_WHOLE = frozenset({"address", "bool", "string", "function", "bytes"})
_SIZED = re.compile(r"(bytes|u?int|u?fixed)([1-9]\d{0,2})(?:x([1-9]\d?))?")
_SUFFIX = re.compile(r"\s*\[\s*(\d*)\s*\]")


class Elementary(NamedTuple):
    """A type of one word, or `string` or `bytes`: `base` without its size, `bits` (0 = none), `places` of a fixed."""

    base: str
    bits: int = 0
    places: int = 0

    def canonical(self) -> str:
        """Spell the type as in a signature."""
        if self.base == "bytes" and self.bits:
            return f"bytes{self.bits // 8}"
        if self.places:
            return f"{self.base}{self.bits}x{self.places}"
        return f"{self.base}{self.bits or ''}"

    def words(self) -> int:
        """Count the words of the static encoding; 0 when the type is dynamic."""
        return 0 if self.base == "string" or (self.base == "bytes" and not self.bits) else 1


class Array(NamedTuple):
    """`item[size]`, or `item[]` when `size` is None."""

    item: Type
    size: int | None

    def canonical(self) -> str:
        """Spell the type as in a signature."""
        return f"{self.item.canonical()}[{'' if self.size is None else self.size}]"

    def words(self) -> int:
        """Count the words of the static encoding; 0 when the type is dynamic."""
        return self.item.words() * (self.size or 0)


class Tuple(NamedTuple):
    """A struct: named components."""

    fields: tuple[Param, ...]

    def canonical(self) -> str:
        """Spell the type as in a signature."""
        return f"({','.join(field.type.canonical() for field in self.fields)})"

    def words(self) -> int:
        """Count the words of the static encoding; 0 when the type is dynamic."""
        words = [field.type.words() for field in self.fields]
        return sum(words) if all(words) else 0


class Param(NamedTuple):
    """An argument or component; one without a name is called `arg` and its place from 0."""

    name: str
    type: Type
    indexed: bool = False


Type = Elementary | Array | Tuple


class EventDecl(NamedTuple):
    """A parsed declaration: arguments in order, the canonical signature and its hash."""

    name: str
    params: tuple[Param, ...]
    signature: str
    topic0: bytes

    def topics(self) -> int:
        """Count the topics of its logs, topic0 included."""
        return 1 + sum(param.indexed for param in self.params)


def parse_event(text: str) -> EventDecl:
    """Parse a declaration, with or without `event` before and `;` after it.

    Raises MarketError naming the character where it stops making sense.
    """
    if len(text) > MAX_TEXT:
        message = f"event declaration longer than {MAX_TEXT} characters"
        raise MarketError(message, hint="declare one event at a time")
    reader = _Reader(text)
    name = reader.word("an event name")
    if name == "event":
        name = reader.word("an event name")
    params = reader.params(0)
    if reader.taken("anonymous"):
        reader.fail("anonymous events have no topic0 and are not supported")
    reader.symbol(";")
    reader.end()
    if sum(param.indexed for param in params) > MAX_INDEXED:
        reader.fail(f"more than {MAX_INDEXED} indexed arguments")
    if sum(param.type.words() or 1 for param in params) > MAX_WORDS:
        reader.fail(f"the static part is longer than {MAX_WORDS} words")
    signature = name + Tuple(params).canonical()
    return EventDecl(name, params, signature, keccak(signature.encode()))


class _Reader:
    """A cursor over one declaration."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, what: str) -> NoReturn:
        """Refuse the declaration at the cursor."""
        message = f"event declaration, character {self.at + 1}: {what}: {self.text}"
        raise MarketError(message, hint="write it as in Solidity: Name(address indexed who, uint256 amount)")

    def symbol(self, symbol: str) -> bool:
        """Take `symbol` if it comes next."""
        self._skip()
        if self.text.startswith(symbol, self.at):
            self.at += len(symbol)
            return True
        return False

    def taken(self, word: str) -> bool:
        """Take this very word if it comes next."""
        self._skip()
        found = _WORD.match(self.text, self.at)
        if found and found[0] == word:
            self.at = found.end()
            return True
        return False

    def word(self, expected: str) -> str:
        """Take a word."""
        self._skip()
        found = _WORD.match(self.text, self.at)
        if not found:
            self.fail(f"expected {expected}")
        self.at = found.end()
        return found[0]

    def end(self) -> None:
        """Check that nothing is left."""
        self._skip()
        if self.at != len(self.text):
            self.fail("unexpected text after the declaration")

    def params(self, depth: int) -> tuple[Param, ...]:
        """Take a parenthesised list; only the outermost may be empty or hold `indexed`."""
        if not self.symbol("("):
            self.fail("expected (")
        if depth > MAX_DEPTH:
            self.fail(f"tuples nested deeper than {MAX_DEPTH}")
        params: list[Param] = []
        if depth == 0 and self.symbol(")"):
            return ()
        while True:
            params.append(self._param(len(params), depth, {param.name for param in params}))
            if self.symbol(")"):
                return tuple(params)
            if not self.symbol(","):
                self.fail("expected , or )")

    def _param(self, place: int, depth: int, names: set[str]) -> Param:
        kind = self._type(depth)
        indexed = self.taken("indexed")
        if indexed and depth:
            self.fail("a component cannot be indexed")
        self._skip()
        found = _WORD.match(self.text, self.at)
        name = self.word("a name") if found else f"arg{place}"
        if name in names:
            self.fail(f"two arguments are called {name}")
        return Param(name, kind, indexed)

    def _type(self, depth: int) -> Type:
        self._skip()
        start = self.at
        kind: Type
        if self.text.startswith("(", self.at) or self.taken("tuple"):
            kind = Tuple(self.params(depth + 1))
        else:
            kind = self._elementary(self.word("a type"), start)
        nested = 0
        while suffix := _SUFFIX.match(self.text, self.at):
            nested += 1
            size = int(suffix[1]) if suffix[1] else None
            if size == 0 or (size or 0) > MAX_WORDS or nested + depth > MAX_DEPTH:
                self.fail(f"an array has 1 to {MAX_WORDS} items and at most {MAX_DEPTH} levels")
            self.at = suffix.end()
            kind = Array(kind, size)
        return kind

    def _elementary(self, word: str, start: int) -> Elementary:
        kind = _elementary(_ALIASES.get(word, word))
        if kind is None:
            self.at = start
            self.fail(f"unknown type {word}")
        return kind

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at


def _elementary(word: str) -> Elementary | None:
    """Read a type the way eth-abi's grammar does, without loading that."""
    sized = _SIZED.fullmatch(word)
    if sized is None:
        return Elementary(word) if word in _WHOLE else None
    base, size, places = sized[1], int(sized[2]), int(sized[3] or 0)
    bits = 8 * size if base == "bytes" else size
    known = bits <= _MAX_BITS and bits % 8 == 0 and places <= _MAX_PLACES and (places > 0) == base.endswith("fixed")
    return Elementary(base, bits, places) if known else None
