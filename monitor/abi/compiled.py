"""Compile a declaration into straight-line Python that decodes one log.

Method: the static part of every frame is one `struct` unpack whose pieces separate values from padding, so a log costs
one call, a few comparisons and one conversion per argument. What it accepts and refuses is what eth-abi 6 accepts and
refuses in strict mode, with text decoded by `errors="replace"` (`eth_abi.decoding`; the law test compares both), except
that arrays whose pointers share one tail are refused once they add up to more than the payload and `SLACK`: eth-abi
would unfold a kilobyte into gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - struct.error is a class
from typing import Any, NamedTuple, NoReturn

from monitor.abi.declaration import Array, Elementary, EventDecl, Param, Tuple, Type
from monitor.abi.refusal import Decoder, Undecodable

__all__ = ["SLACK", "compile_event", "source_of"]

SLACK = 65_536
"""Bytes by which shared tails may exceed the payload."""
_FULL = 256
_LONG = 64
"""Integers of up to 64 bits are read by struct itself."""
_FUNCTION = 24
_POINTER = Elementary("uint", _LONG)
_HASH = Elementary("bytes", _FULL)


class _Word(NamedTuple):
    """How one word is read: struct piece, names it fills, conditions that refuse it, value expression."""

    piece: str
    names: tuple[str, ...]
    checks: tuple[str, ...]
    value: str


@cache
def compile_event(decl: EventDecl) -> Decoder:
    """Compile a decoder; an event with a `fixed` type is decoded by eth-abi itself."""
    if any(_has_fixed(param.type) for param in decl.params):
        # Loaded for these alone: eth-abi builds a grammar, 0.2 s.
        from monitor.abi.reference import reference_decoder

        return reference_decoder(decl)
    source, names = source_of(decl)
    exec(compile(source, f"<{decl.signature}>", "exec"), names)  # noqa: S102 - our own text, see `source_of`
    decode: Decoder = names["decode"]
    return decode


def source_of(decl: EventDecl) -> tuple[str, dict[str, Any]]:
    """Write a decoder's source and the names it uses; of the declaration, only numbers and checked names enter it."""
    writer = _Writer(budget=any(_shares(param.type) for param in decl.params))
    body = writer.event(decl)
    lines = ["def decode(topics, d):", "    try:", *("        " + line for line in body)]
    lines += ["    except refused:", "        no('the payload ends too early')"]
    return "\n".join([*writer.functions, *lines, ""]), writer.names


def _no(reason: str) -> NoReturn:
    raise Undecodable(reason)


def _has_fixed(kind: Type) -> bool:
    match kind:
        case Array():
            return _has_fixed(kind.item)
        case Tuple():
            return any(_has_fixed(field.type) for field in kind.fields)
        case Elementary():
            return kind.places > 0


def _shares(kind: Type) -> bool:
    """Say whether the type holds an array of pointers, which a payload may all aim at one tail."""
    match kind:
        case Array():
            return not kind.item.words() or _shares(kind.item)
        case Tuple():
            return any(_shares(field.type) for field in kind.fields)
        case Elementary():
            return False


def _leaves(kind: Type) -> Iterator[Elementary]:
    """Walk the words of a static type."""
    match kind:
        case Array():
            for _ in range(kind.size or 0):
                yield from _leaves(kind.item)
        case Tuple():
            for field in kind.fields:
                yield from _leaves(field.type)
        case Elementary():
            yield kind


def _shape(kind: Type, words: Iterator[str]) -> str:
    """Put the value expressions of a static type's words together."""
    match kind:
        case Array():
            return f"[{', '.join(_shape(kind.item, words) for _ in range(kind.size or 0))}]"
        case Tuple():
            return f"{{{', '.join(f'{field.name!r}: {_shape(field.type, words)}' for field in kind.fields)}}}"
        case Elementary():
            return next(words)


def _head_words(kind: Type) -> int:
    """Count a component's words as eth-abi does where it checks pointers: a static tuple counts as one."""
    return kind.size or 1 if isinstance(kind, Array) and kind.words() else 1


class _Writer:
    """Collects functions (one per array and dynamic tuple) and the constants they use."""

    def __init__(self, *, budget: bool) -> None:
        self.functions: list[str] = []
        self.names: dict[str, Any] = {
            "no": _no,
            "refused": (StructError, OverflowError),
            "integer": int.from_bytes,
            "word": Struct(">24sQ").unpack_from,
            "zeros": tuple(bytes(size) for size in range(32)),
        }
        self.shared = ", g" if budget else ""
        self.fresh = 0

    def event(self, decl: EventDecl) -> list[str]:
        """Write the body: topics, then the head, then the tails."""
        self.names["topic0"] = decl.topic0
        lines = [
            f"if len(topics) != {decl.topics()}:",
            f"    no(f'{{len(topics)}} topics instead of {decl.topics()}')",
            "if topics[0] != topic0:",
            "    no('the log is of another event')",
        ]
        values = [""] * len(decl.params)
        indexed = [place for place, param in enumerate(decl.params) if param.indexed]
        for topic, place in enumerate(indexed, 1):
            kind = decl.params[place].type
            word = kind if isinstance(kind, Elementary) and kind.words() else _HASH
            more, found = self._words([word], "unpack", f"(topics[{topic}])")
            lines += more
            values[place] = found[0]
        plain = [place for place, param in enumerate(decl.params) if not param.indexed]
        if plain:
            more, found = self._frame(tuple(decl.params[place] for place in plain), "0")
            lines += ["n = len(d)", *([f"g = [n + {SLACK}]"] if self.shared else []), *more]
            for place, value in zip(plain, found, strict=True):
                values[place] = value
        return [*lines, f"return ({', '.join(values)}{',' if values else ''})"]

    def _name(self, prefix: str) -> str:
        self.fresh += 1
        return f"{prefix}{self.fresh}"

    def _struct(self, pieces: str, method: str) -> str:
        name = f"{method}_{pieces}"
        self.names[name] = getattr(Struct(">" + pieces), method)
        return name

    def _words(self, kinds: list[Elementary], method: str, arguments: str) -> tuple[list[str], list[str]]:
        """Unpack words in one call and check them: the lines and one value expression per word."""
        words = [self._word(kind) for kind in kinds]
        call = self._struct("".join(word.piece for word in words), method) + arguments
        targets = ", ".join(name for word in words for name in word.names)
        lines = [f"for {targets}, in {call}:" if method == "iter_unpack" else f"{targets}, = {call}"]
        indent = "    " if method == "iter_unpack" else ""
        if checks := [check for word in words for check in word.checks]:
            lines += [f"{indent}if {' or '.join(checks)}:", f"{indent}    no('a word holds more than its type')"]
        return lines, [word.value for word in words]

    def _word(self, kind: Elementary) -> _Word:  # noqa: PLR0911 - one arm per kind of word
        v, p = self._name("v"), self._name("p")
        bits = kind.bits
        match kind.base:
            case "uint" if bits <= _LONG:
                limit = (f"{v} > {2**bits - 1}",) if bits < _LONG else ()
                return _Word("24sQ", (p, v), (f"{p} != zeros[24]", *limit), v)
            case "uint" if bits < _FULL:
                return _Word("32s", (v,), (f"({v} := integer({v}, 'big')) >> {bits}",), v)
            case "uint":
                return _Word("32s", (v,), (), f"integer({v}, 'big')")
            case "int":
                half = 1 << (bits - 1)
                signed = f"({v} := integer({v}, 'big', signed=True))"
                return _Word("32s", (v,), (f"not {-half} <= {signed} < {half}",), v)
            case "address":
                return _Word("12s20s", (p, v), (f"{p} != zeros[12]",), v)
            case "bool":
                return _Word("31sB", (p, v), (f"{p} != zeros[31]", f"{v} > 1"), f"({v} == 1)")
            case "bytes" if bits == _FULL:
                return _Word("32s", (v,), (), v)
            case _:
                size = bits // 8 or _FUNCTION
                return _Word(f"{size}s{32 - size}s", (v, p), (f"{p} != zeros[{32 - size}]",), v)

    def _frame(self, params: tuple[Param, ...], base: str) -> tuple[list[str], list[str]]:
        """Read head and tails of a tuple that starts at `base`: the lines and one value expression per component."""
        leaves = [leaf for param in params for leaf in (_leaves(param.type) if param.type.words() else [_POINTER])]
        lines, words = self._words(leaves, "unpack_from", f"(d, {base})")
        found = iter(words)
        end = 32 * sum(_head_words(param.type) for param in params)
        values = []
        for param in params:
            if param.type.words():
                values.append(_shape(param.type, found))
                continue
            offset = next(found)
            more, value = self._tail(param.type, offset, base, str(end))
            lines += more
            values.append(value)
        return lines, values

    def _tail(self, kind: Type, offset: str, base: str, end: str) -> tuple[list[str], str]:
        """Follow a pointer: text and bytes are read in line, the rest by a function of its own."""
        lines = [f"if {offset} < {end}:", "    no('a pointer leads into the head')"]
        at = offset if base == "0" else f"{base} + {offset}"
        value = self._name("v")
        if not isinstance(kind, Elementary):
            return [*lines, f"{value} = {self._function(kind)}(d, n, {at}{self.shared})"], value
        size, start, stop, p = (self._name(prefix) for prefix in "lsep")
        lines += [
            f"{p}, {size} = word(d, {start} := {at})",
            f"{stop} = ({start} := {start} + 32) + {size}",
            f"if {p} != zeros[24] or {stop} > n:",
            "    no('text or bytes longer than the payload')",
            f"if {size} & 31 and d[{stop} : {stop} + (-{size} & 31)] != zeros[-{size} & 31]:",
            "    no('text or bytes not padded with zeros')",
            *self._charge(size),
            f"{value} = d[{start}:{stop}]" + (".decode('utf-8', 'replace')" if kind.base == "string" else ""),
        ]
        return lines, value

    def _charge(self, size: str) -> list[str]:
        """Count bytes read twice because pointers share a tail."""
        return ["g[0] -= " + size, "if g[0] < 0:", "    no('arrays share their tails')"] if self.shared else []

    def _function(self, kind: Array | Tuple) -> str:
        """Write a function that reads a dynamic array or tuple starting at `b`."""
        name = self._name("read")
        if isinstance(kind, Tuple):
            lines, found = self._frame(kind.fields, "b")
            pairs = ", ".join(f"{field.name!r}: {value}" for field, value in zip(kind.fields, found, strict=True))
            lines.append(f"return {{{pairs}}}")
        else:
            lines = self._items(kind)
        body = "\n    ".join(lines)
        self.functions.append(f"def {name}(d, n, b{self.shared}):\n    {body}\n")
        return name

    def _items(self, kind: Array) -> list[str]:
        """Read the items of a dynamic array; its length is checked against the payload before anything is read."""
        width = 32 * (kind.item.words() or 1)
        lines = [f"k = {kind.size}"]
        if kind.size is None:
            lines = ["p, k = word(d, b)", "b += 32", "if p != zeros[24]:", "    no('an array longer than the payload')"]
        lines += [
            f"if (m := {width} * k) > n - b:",
            "    no('an array longer than the payload')",
            *self._charge("m"),
            "items = []",
        ]
        if kind.item.words():
            more, found = self._words(list(_leaves(kind.item)), "iter_unpack", "(d[b : b + m])")
            more.append(f"    items.append({_shape(kind.item, iter(found))})")
        else:
            more, found = self._words([_POINTER], "iter_unpack", "(d[b : b + m])")
            tail, value = self._tail(kind.item, found[0], "b", "m")
            more += ["    " + line for line in [*tail, f"items.append({value})"]]
        return [*lines, *more, "return items"]
