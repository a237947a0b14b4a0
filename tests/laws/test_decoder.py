"""Law 5: the compiled decoder equals eth-abi on random declarations and payloads, malformed ones included."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.abi import Array, Decoder, Elementary, EventDecl, Param, Tuple, Undecodable, compile_event, parse_event
from monitor.abi.declaration import Type
from monitor.abi.reference import reference_decoder

_sizes = st.integers(1, 32).map(lambda n: 8 * n)
_words = st.one_of(
    st.tuples(st.sampled_from(["uint", "int"]), st.one_of(_sizes, st.sampled_from([64, 256]))).map(
        lambda pair: Elementary(*pair)
    ),
    st.just(Elementary("address")),
    st.just(Elementary("bool")),
    st.just(Elementary("function")),
    _sizes.map(lambda bits: Elementary("bytes", bits)),
)
_bytes = st.sampled_from([Elementary("string"), Elementary("bytes")])
_elementary = st.one_of(_words, _bytes)


def _named(kinds: list[Type]) -> Tuple:
    return Tuple(tuple(Param(f"f{place}", kind) for place, kind in enumerate(kinds)))


_types = st.recursive(
    _elementary,
    lambda inner: st.one_of(
        st.builds(Array, inner, st.one_of(st.none(), st.integers(1, 3))),
        st.lists(inner, min_size=1, max_size=4).map(_named),
    ),
    max_leaves=6,
)


def _spell(param: Param) -> str:
    return f"{param.type.canonical()}{' indexed' if param.indexed else ''} {param.name}"


@st.composite
def declarations(draw) -> EventDecl:
    kinds = draw(st.lists(_types, max_size=6))
    indexed = draw(st.lists(st.integers(0, 5), max_size=3))
    params = [Param(f"a{place}", kind, place in indexed) for place, kind in enumerate(kinds)]
    return parse_event(f"E({', '.join(map(_spell, params))})")


def values(kind: Type) -> st.SearchStrategy:  # noqa: PLR0911 - one arm per type
    match kind:
        case Array():
            return st.lists(values(kind.item), min_size=kind.size or 0, max_size=kind.size or 3)
        case Tuple():
            return st.tuples(*(values(field.type) for field in kind.fields))
        case Elementary("uint", bits):
            return st.integers(0, 2**bits - 1)
        case Elementary("int", bits):
            return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        case Elementary("address"):
            return st.binary(min_size=20, max_size=20)
        case Elementary("bool"):
            return st.booleans()
        case Elementary("string"):
            return st.text(max_size=70)
        case Elementary("bytes", 0):
            return st.binary(max_size=70)
        case Elementary(_, bits):
            return st.binary(min_size=bits // 8 or 24, max_size=bits // 8 or 24)


@st.composite
def payloads(draw) -> tuple[EventDecl, list[bytes], bytes]:
    decl = draw(declarations())
    types = [param.type.canonical().replace("function", "bytes24") for param in decl.params]
    topics, plain, held = [decl.topic0], [], []
    for param, spelled in zip(decl.params, types, strict=True):
        if not param.indexed:
            plain.append(spelled)
            held.append(draw(values(param.type)))
        elif isinstance(param.type, Elementary) and param.type.words():
            topics.append(encode([spelled], [draw(values(param.type))]))
        else:
            topics.append(draw(st.binary(min_size=32, max_size=32)))
    return decl, topics, encode(plain, held) if plain else b""


def outcome(decoder: Decoder, topics: list[bytes], data: bytes) -> tuple[Any, ...] | None:
    try:
        return decoder(topics, data)
    except Undecodable:
        return None


def same(decl: EventDecl, topics: list[bytes], data: bytes) -> tuple[Any, ...] | None:
    ours, theirs = outcome(compile_event(decl), topics, data), outcome(reference_decoder(decl), topics, data)
    assert ours == theirs, decl.signature
    assert repr(ours) == repr(theirs), "equal, but of another type"
    return ours


@given(payloads())
@settings(deadline=None, max_examples=300)
def test_what_eth_abi_encodes_is_decoded_alike(case):
    assert same(*case) is not None


@given(payloads(), st.data())
@settings(deadline=None, max_examples=500)
def test_damaged_payloads_are_decoded_or_refused_alike(case, data):
    decl, topics, payload = case
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 3))):
        match data.draw(st.sampled_from(["bit", "word", "cut", "topic", "append"])):
            case "bit" if damaged:
                at = data.draw(st.integers(0, len(damaged) * 8 - 1))
                damaged[at // 8] ^= 1 << (at % 8)
            case "word" if len(damaged) >= 32:
                at = 32 * data.draw(st.integers(0, len(damaged) // 32 - 1))
                word = data.draw(st.sampled_from([0, 1, 2, 31, 32, 33, 64, 96, len(damaged), 2**63, 2**64, 2**255]))
                damaged[at : at + 32] = word.to_bytes(32, "big")
            case "cut":
                del damaged[data.draw(st.integers(0, len(damaged))) :]
            case "append":
                damaged += data.draw(st.binary(max_size=40))
            case "topic":
                at = data.draw(st.integers(0, len(topics) - 1))
                topics = [*topics[:at], data.draw(st.binary(min_size=30, max_size=33)), *topics[at + 1 :]]
    same(decl, topics, bytes(damaged))


@given(declarations(), st.lists(st.integers(0, 200), max_size=24), st.binary(max_size=31))
@settings(deadline=None, max_examples=300)
def test_payloads_of_small_words_are_decoded_or_refused_alike(decl, words, rest):
    topics = [decl.topic0] + [bytes(32)] * (decl.topics() - 1)
    same(decl, topics, b"".join(word.to_bytes(32, "big") for word in words) + rest)


def test_fixed_point_numbers_go_through_eth_abi():
    decl = parse_event("E(fixed128x2 indexed a, (ufixed8x1 b, string c)[] d)")
    data = encode(["(ufixed8x1,string)[]"], [[(Decimal("2.5"), "x")]])
    topic = encode(["fixed128x2"], [Decimal("-1.25")])
    assert compile_event(decl)([decl.topic0, topic], data) == (Decimal("-1.25"), [{"b": Decimal("2.5"), "c": "x"}])


@pytest.mark.parametrize("length", [2**255, 2**64, 2**63, 10**9])
@pytest.mark.parametrize("kind", ["uint256[]", "string[]", "bytes", "string", "uint8[2][]", "(string,uint8)[][]"])
def test_a_giant_length_is_refused_at_once(kind, length):
    decl = parse_event(f"E({kind} a)")
    data = (32).to_bytes(32, "big") + length.to_bytes(32, "big") + bytes(64)
    with pytest.raises(Undecodable):
        compile_event(decl)([decl.topic0], data)


def test_pointers_that_share_a_tail_cannot_unfold_a_small_payload_into_a_large_one():
    decl = parse_event("E(string[] a)")
    count, size = 4_000, 400_000
    head = [32, count, *[32 * count] * count, size]
    data = b"".join(word.to_bytes(32, "big") for word in head) + bytes(size)
    with pytest.raises(Undecodable, match="share"):
        compile_event(decl)([decl.topic0], data)


_SHAPES = [
    ("((uint8 x, uint8 y) a, string b)", ["(uint8,uint8)", "string"], [(1, 2), "x" * 64]),
    ("(uint8[2][2] a, bytes b)", ["uint8[2][2]", "bytes"], [[[1, 2], [0, 0]], b"y" * 32]),
    ("(string[] a, uint8 b)", ["string[]", "uint8"], [["", "abc"], 7]),
    ("((uint16[] p, bool q)[] a)", ["(uint16[],bool)[]"], [[([1, 2], True), ([], False)]]),
    ("(string[2] a, int64[] b)", ["string[2]", "int64[]"], [["abc", "d" * 33], [-1, 5]]),
]


@pytest.mark.parametrize(("text", "types", "held"), _SHAPES)
def test_every_cut_and_every_word_set_to_every_offset_is_decoded_or_refused_alike(text, types, held):
    decl, data = parse_event("E" + text), encode(types, held)
    for end in range(len(data) + 1):
        same(decl, [decl.topic0], data[:end])
    for at in range(0, len(data), 32):
        for value in [*range(0, len(data) + 33, 32), 1, 2, 3, 31, 33, 2**64, 2**255, len(data) - 1]:
            same(decl, [decl.topic0], data[:at] + value.to_bytes(32, "big") + data[at + 32 :])
