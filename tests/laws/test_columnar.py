"""Law 5, in columns: what is read as columns has the values of the compiled decoder, and good logs are read."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.abi import Array, Elementary, EventDecl, Param, Tuple, Undecodable, compile_event, parse_event
from monitor.abi.columnar import decode_columns, is_columnar
from monitor.abi.declaration import Type
from tests.laws.test_decoder import _spell as spell
from tests.laws.test_decoder import values

_WORDS = st.one_of(
    st.tuples(st.sampled_from(["uint", "int"]), st.integers(1, 32).map(lambda n: 8 * n)).map(lambda p: Elementary(*p)),
    st.sampled_from([Elementary("address"), Elementary("bool"), Elementary("string"), Elementary("bytes")]),
    st.integers(1, 32).map(lambda n: Elementary("bytes", 8 * n)),
)
_KINDS: st.SearchStrategy[Type] = st.recursive(
    _WORDS,
    lambda inner: st.one_of(
        st.builds(Array, inner, st.sampled_from([None, None, 1, 2, 3])),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: Tuple(tuple(Param(f"f{place}", kind) for place, kind in enumerate(kinds)))
        ),
    ),
    max_leaves=4,
)
Log = tuple[list[bytes], bytes]


@st.composite
def batches(draw: st.DrawFn) -> tuple[EventDecl, list[Log]]:
    kinds = draw(st.lists(_KINDS, max_size=6))
    indexed = draw(st.sets(st.integers(0, 5), max_size=3))
    params = [Param(f"a{place}", kind, place in indexed) for place, kind in enumerate(kinds)]
    decl = parse_event(f"E({', '.join(map(spell, params))})")
    return decl, [written(decl, [draw(values(param.type)) for param in params]) for _ in range(draw(st.integers(0, 5)))]


def written(decl: EventDecl, held: list[Any]) -> Log:
    topics, types, plain = [decl.topic0], [], []
    for param, value in zip(decl.params, held, strict=True):
        name = param.type.canonical()
        if not param.indexed:
            types.append(name)
            plain.append(value)
        else:
            word = isinstance(param.type, Elementary) and param.type.words()
            topics.append(encode([name], [value]) if word else bytes(range(32)))
    return topics, encode(types, plain) if types else b""


def decoded(decl: EventDecl, logs: list[Log]) -> dict[int, tuple[Any, ...]]:
    """Read logs as columns; every row is either read or left over, and what is read equals the compiled decoder."""
    places = max([decl.topics(), *(len(topics) for topics, _ in logs)])
    topics = [
        pl.Series([words[place] if place < len(words) else None for words, _ in logs], dtype=pl.Binary)
        for place in range(places)
    ]
    found = decode_columns(decl, topics, pl.Series([data for _, data in logs], dtype=pl.Binary))
    assert sorted([*found.rows, *found.left]) == list(range(len(logs)))
    columns = [found.values[param.name].to_list() for param in decl.params] if len(found.rows) else []
    values_of = list(zip(*columns, strict=True)) if columns else [()] * len(found.rows)
    rows = dict(zip(found.rows.tolist(), values_of, strict=True))
    decode = compile_event(decl)
    for row, ours in rows.items():
        assert ours == decode(*logs[row])
    return rows


def fits(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(fits, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int) or -(2**126) <= value < 2**126


@settings(deadline=None, max_examples=80)
@given(batches())
def test_what_contracts_write_is_read_as_columns(case):
    decl, logs = case
    assert is_columnar(decl)
    expected = [row for row, log in enumerate(logs) if all(map(fits, compile_event(decl)(*log)))]
    assert sorted(decoded(decl, logs)) == expected


WORDS = [0, 1, 2, 31, 32, 33, 64, 96, 2**63, 2**64, 2**255, 2**256 - 1]


@settings(deadline=None, max_examples=120)
@given(batches(), st.data())
def test_damaged_logs_are_read_alike_or_left_over(case, data):
    decl, logs = case
    for row, (words, payload) in enumerate(logs):
        topics, raw = words, bytearray(payload)
        match data.draw(st.sampled_from(["keep", "bit", "word", "cut", "append", "topic", "topics"])):
            case "bit" if raw:
                at = data.draw(st.integers(0, len(raw) * 8 - 1))
                raw[at // 8] ^= 1 << (at % 8)
            case "word" if len(raw) >= 32:
                at = 32 * data.draw(st.integers(0, len(raw) // 32 - 1))
                word = data.draw(st.sampled_from([*WORDS, len(raw)]))
                raw[at : at + 32] = word.to_bytes(32, "big")
            case "cut":
                del raw[data.draw(st.integers(0, len(raw))) :]
            case "append":
                raw += data.draw(st.binary(max_size=40))
            case "topic":
                at = data.draw(st.integers(0, len(topics) - 1))
                topics = [*topics[:at], data.draw(st.binary(min_size=31, max_size=33)), *topics[at + 1 :]]
            case "topics":
                topics = [*topics, bytes(32)] if data.draw(st.booleans()) else topics[:-1]
        logs[row] = (topics, bytes(raw))
    decoded(decl, logs)


_SHAPES = [
    ("E(string a, uint8 b, bytes c)", ["d" * 33, 7, b"e" * 5]),
    ("E(uint8[] a, (uint8 x, string y)[] b)", [[1, 2], [(3, "f" * 32), (4, "")]]),
    ("E((bytes x, uint8[2][2] y) a, string[][] b)", [(b"", [[1, 2], [3, 4]]), [["g"], [], ["", "h" * 40]]]),
]


@pytest.mark.parametrize(("text", "held"), _SHAPES)
def test_every_word_set_to_every_offset_is_read_alike_or_left_over(text, held):
    decl = parse_event(text)
    topics, data = written(decl, held)
    logs = [
        (topics, data[:at] + value.to_bytes(32, "big") + data[at + 32 :])
        for at in range(0, len(data), 32)
        for value in [*range(0, len(data) + 33, 16), 1, 2, 2**64, 2**255, len(data) - 1]
    ]
    decoded(decl, [*logs, *((topics, data[:end]) for end in range(len(data)))])


@pytest.mark.parametrize("text", ["E(fixed a)", "E(function[] a)", "E((uint8 x, fixed y) a)", "E(fixed indexed a)"])
def test_other_layouts_are_left_over_whole(text):
    decl = parse_event(text)
    found = decode_columns(decl, [pl.Series([decl.topic0])] * decl.topics(), pl.Series([bytes(64)]))
    assert (len(found.rows), found.left.tolist()) == (0, [0])


def test_text_that_is_no_utf8_is_left_over():
    decl = parse_event("E(string a)")
    logs = [written(decl, ["ok"]), ([decl.topic0], encode(["bytes"], [b"\xff\xfe"]))]
    assert list(decoded(decl, logs)) == [0]
    with pytest.raises(Undecodable):
        compile_event(decl)([decl.topic0], b"")


@settings(deadline=None, max_examples=60)
@given(batches(), st.data())
def test_arguments_nobody_wants_change_no_others_and_are_no_reason_to_leave_a_log_over(case, data):
    decl, logs = case
    names = [param.name for param in decl.params]
    wanted = data.draw(st.sets(st.sampled_from(names)) if names else st.just(set()))
    topics = [pl.Series([words[place] for words, _ in logs], dtype=pl.Binary) for place in range(decl.topics())]
    payloads = pl.Series([payload for _, payload in logs], dtype=pl.Binary)
    found = decode_columns(decl, topics, payloads, wanted)
    assert set(found.values) == wanted
    values_of = [dict(zip(names, compile_event(decl)(*log), strict=True)) for log in logs]
    assert found.rows.tolist() == [
        row for row, held in enumerate(values_of) if all(fits(held[name]) for name in wanted)
    ]
    for name, column in found.values.items():
        assert column.to_list() == [values_of[row][name] for row in found.rows]


def test_pointers_that_share_a_tail_are_left_over_at_once():
    decl = parse_event("E(string[][] a)")
    count = 4_000
    head = [32, count, *[32 * count] * count, count, *[32 * count] * count, 32 * count]
    data = b"".join(word.to_bytes(32, "big") for word in head) + bytes(32 * count)
    assert decoded(decl, [([decl.topic0], data)]) == {}
