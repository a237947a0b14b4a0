"""Read in columns or log by log, an eth_getLogs answer gives the same rows, or the same refusal."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.chain import answers, http
from monitor.chain.answers import read_logs
from monitor.chain.check import checked
from monitor.chain.wire import Envelope, LogAnswer, Lying, raw_log
from monitor.model.page import log_rows
from monitor.model.span import Span
from monitor.sync.fragment import LogFilter

ADDRESSES = [bytes([n]) * 20 for n in (1, 2)]
SPAN = Span(250, 262)
FILTERS = [
    LogFilter(tuple(ADDRESSES)),
    LogFilter((ADDRESSES[0],)),
    LogFilter((), ((b"\x05" * 32,), (b"\x06" * 32,))),
    LogFilter(tuple(ADDRESSES), ((b"\x05" * 32,),)),
    LogFilter(tuple(ADDRESSES), (None, (b"\x05" * 32, b"\x06" * 32))),
]


def strictly(raw: bytes, wanted: LogFilter) -> pl.DataFrame:
    """Read every log by itself: what the columns must equal."""
    return checked(log_rows(map(raw_log, msgspec.json.decode(raw, type=list[LogAnswer]))), wanted, SPAN)


def outcome(read: Any, raw: bytes, wanted: LogFilter) -> tuple[Any, ...]:
    try:
        frame = read(raw, wanted)
    except Lying as error:
        return "lying", str(error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "no list of logs", ""
    return frame.schema, frame.rows()


def same(raw: bytes) -> list[tuple[Any, ...]]:
    found = []
    for wanted in FILTERS:
        ours = outcome(lambda raw, wanted: read_logs(raw, wanted, SPAN), raw, wanted)
        assert ours == outcome(strictly, raw, wanted)
        found.append(ours)
    return found


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw an honest answer: blocks with transactions with logs, of a few layouts."""
    dice = random.Random(draw(st.integers(0, 2**32)))
    times, layouts = draw(st.booleans()), draw(st.integers(1, 3))
    found = []
    for number in range(draw(st.integers(250, 258)), draw(st.integers(254, 262))):
        block, place = f"0x{dice.randbytes(32).hex()}", dice.randrange(14)
        for tx in range(dice.randrange(4)):
            tx_hash = f"0x{dice.randbytes(32).hex()}"
            for _ in range(dice.randrange(1, 6)):
                layout = dice.randrange(layouts)
                words = [dice.randrange(256 ** dice.choice((1, 32))) for _ in range(layout)]
                found.append({
                    "address": f"0x{dice.choice(ADDRESSES).hex()}",
                    "topics": [f"0x{bytes([dice.randrange(5, 7)]).hex() * 32}" for _ in range(layout + 1)],
                    "data": "0x" + "".join(f"{word:064x}" for word in words),
                    "blockNumber": hex(number), "transactionHash": tx_hash, "transactionIndex": hex(tx * 7),
                    "blockHash": block, "logIndex": hex(place), "removed": False,
                    **({"blockTimestamp": hex(1000 + number)} if times else {}),
                })  # fmt: skip
                place += dice.randrange(1, 3)
    return found


def written(found: list[dict[str, Any]]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


@pytest.fixture(params=[1, 4], autouse=True)
def _few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_FEW", request.param)


@settings(deadline=None, max_examples=20)
@given(logs())
def test_honest_answers_are_read_alike(found):
    assert all(len(kind) > 1 for kind in same(written(found)))
    assert same(written(found))[0][0] == log_rows(()).schema


STRANGE = [
    None, True, False, 0, 1, -1, 1.5, "", "0x", "0x0", "0x1", "0x01", "0xg", "0X1", "0x 1", "0xA", "ff", "0x1_0",
    "0x" + "f" * 15, "0x" + "f" * 16, "0x7" + "f" * 15, "0x" + "0" * 20, "0x" + "ab" * 20, "0x" + "AB" * 32,
    "0x" + "zz" * 32, "0x" + "00" * 31, "0x" + "é" * 64, "\\", '"', "}{", "},{", "\n", [], ["0x"],
    ["0x" + "05" * 32] * 5,
    ["0x" + "05" * 32], ["0x" + "05" * 31], [None], {}, {"a": 1},
]  # fmt: skip
KEYS = ["address", "topics", "data", "blockNumber", "transactionHash", "transactionIndex", "blockHash", "logIndex",
        "removed", "blockTimestamp", "type", "transactionLogIndex"]  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(logs(), st.data())
def test_answers_with_strange_values_are_read_or_refused_alike(found, data):
    for _ in range(data.draw(st.integers(1, 3))):
        if not found:
            break
        key, value = data.draw(st.sampled_from(KEYS)), data.draw(st.sampled_from(STRANGE))
        at = data.draw(st.integers(0, len(found) - 1))
        match data.draw(st.sampled_from(["one", "all", "drop", "drop all", "order", "copy", "swap"])):
            case "one":
                found[at] = {**found[at], key: value}
            case "all":
                found = [{**log, key: value} for log in found]
            case "drop":
                found[at] = {name: held for name, held in found[at].items() if name != key}
            case "drop all":
                found = [{name: held for name, held in log.items() if name != key} for log in found]
            case "order":
                found[at] = dict(sorted(found[at].items()))
            case "copy":
                found.append(found[at])
            case "swap":
                found[at], found[-1] = found[-1], found[at]
    same(written(found))


SNIPPETS = [b'"removed":true,', b'"a":"}",', b'"a":{},', b"},{", b"\\u0030"]


@settings(deadline=None, max_examples=80)
@given(logs(), st.data())
def test_damaged_text_is_read_or_refused_alike(found, data):
    raw = bytearray(written(found))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        match data.draw(st.sampled_from(["byte", "cut", "space", "insert", "twice", "case"])):
            case "byte" if raw:
                raw[at] = data.draw(st.sampled_from(b'{}[]",:\\0aAgx \n\xff\x00'))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 70))]
            case "space":
                raw[at:at] = b" "
            case "insert":
                raw[at:at] = data.draw(st.sampled_from(SNIPPETS))
            case "twice":
                raw[at:at] = raw[at : at + data.draw(st.integers(1, 40))]
            case "case":
                raw[at : at + 70] = raw[at : at + 70].upper()
    same(bytes(raw))


@pytest.mark.parametrize(
    "raw", [b"", b"[", b"[]", b"null", b"{}", b"[{}]", b"[{},{}]", b" []", b"[ ]", b'["{}"]', b"[[]]"]
)
def test_what_is_no_list_of_logs_is_refused_alike(raw):
    same(raw)


def test_a_last_value_that_nobody_reads_may_be_of_any_length():
    # as Parity wrote it, last by alphabet
    log = {"address": f"0x{'01' * 20}", "blockHash": f"0x{'22' * 32}", "blockNumber": "0xfa", "data": "0x"}
    ends = {"transactionHash": f"0x{'11' * 32}", "transactionIndex": "0x0"}
    told: list[dict[str, Any]] = [
        {**log, "logIndex": hex(n), "removed": False, "topics": [], **ends, "transactionLogIndex": index}
        for n, index in enumerate(["0x10", "0x1000"] * 16, 16)
    ]
    assert len(same(written(told))[0][1]) == len(told)


def test_every_key_may_come_twice_and_the_last_one_counts_as_everywhere():
    plain = written([{"address": f"0x{'01' * 20}", "topics": [], "data": "0x", "blockNumber": hex(250 + n),
                      "transactionHash": f"0x{'11' * 32}", "transactionIndex": "0x0", "blockHash": f"0x{'22' * 32}",
                      "logIndex": "0x0"} for n in range(9)])  # fmt: skip
    for key in KEYS:
        for value in (b'"0x0"', b'"0x1"', b"true", b"null", b'"0x%s"' % (b"33" * 32)):
            same(plain.replace(b"}", b',"' + key.encode() + b'":' + value + b"}"))


def test_columns_are_what_reads_an_honest_answer(monkeypatch):
    dice = random.Random(1)
    found = [{"address": f"0x{'01' * 20}", "topics": [f"0x{dice.randbytes(32).hex()}"],
              "data": f"0x{dice.randbytes(64).hex()}", "blockNumber": hex(250 + n // 20),
              "transactionHash": f"0x{n // 4:064x}", "transactionIndex": hex(n // 4), "blockHash": f"0x{n // 20:064x}",
              "logIndex": hex(n), "removed": False} for n in range(200)]  # fmt: skip
    decoded = 0
    strict = answers._decode

    def counted(raw: memoryview) -> LogAnswer:
        nonlocal decoded
        decoded += 1
        return strict(raw)

    monkeypatch.setattr(answers, "_decode", counted)
    assert read_logs(written(found), FILTERS[0], SPAN).height == 200
    assert decoded < 10, "one log per shape is decoded by itself"


def damaged(raw: bytearray, data: st.DataObject) -> bytes:
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        match data.draw(st.sampled_from(["byte", "cut", "insert", "twice", "end"])):
            case "byte" if raw:
                raw[at] = data.draw(st.sampled_from(b'{}[]",:\\0aAgx \n\xff\x00'))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 70))]
            case "insert":
                raw[at:at] = data.draw(st.sampled_from([*SNIPPETS, b"[" * 2000, http._STAND_IN, b'"result":[{},']))
            case "twice":
                raw[at:at] = raw[at : at + data.draw(st.integers(1, 400))]
            case "end":
                raw += data.draw(st.sampled_from([b"}]}", b"}]},{", b"]", b" "]))
    return bytes(raw)


def results(envelopes: list[Envelope] | None) -> list[tuple[Any, ...]] | None:
    """Tell what a body comes to: nothing when it is no JSON-RPC, or when a result turns out to be no JSON."""
    if envelopes is None:
        return None
    try:
        return [
            (one.id, one.failure, msgspec.json.decode(one.result) if bytes(one.result) else None) for one in envelopes
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


HEADER = {"number": "0x1", "uncles": [], "withdrawals": [{"index": "0x0"}]}
BODIES = [
    '[{"jsonrpc":"2.0","id":1,"result":%s},{"jsonrpc":"2.0","id":2,"result":%s}]',
    '[{"jsonrpc":"2.0","id":2,"result":%s},{"jsonrpc":"2.0","result":%s,"id":1}]',
    '[{"result":%s,"id":1},{"id":2,"result":%s,"more":0}]',
    ' [ {"id":1,"result":%s,"error":null}, {"id":2,"result":%s}]\n',
    '{"id":1,"result":%s,"result":%s}',
    '{"id":1,"x":"\\","result":%s,"more":%s}',
    '[{"id":1,"result":%s},{"id":2,"result":%s},{"id":3,"result":[{"a":"0x00"},{"b":[]}]}]',
]


@settings(deadline=None, max_examples=150)
@given(logs(), st.sampled_from(BODIES), st.booleans(), st.data())
def test_a_list_that_is_put_aside_comes_to_what_the_whole_body_comes_to(found, body, swapped, data):
    parts = [written(found).decode(), json.dumps(HEADER, separators=(",", ":"))]
    raw = damaged(bytearray((body % tuple(parts[::-1] if swapped else parts)).encode()), data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "_LONG", 64)
        # What comes to another number of responses than calls is refused, however it is read.
        whole = http._whole(raw)
        assert results(http.envelopes(raw, len(whole or "?"))) == results(whole)


def test_a_long_list_is_put_aside_unread(monkeypatch):
    seen: list[int] = []
    whole = http._whole

    def counted(raw: bytes) -> list[Envelope] | None:
        seen.append(len(raw))
        return whole(raw)

    monkeypatch.setattr(http, "_whole", counted)
    long = json.dumps([{"a": "0x" + "00" * 40}] * 2000, separators=(",", ":"))
    head = json.dumps(HEADER, separators=(",", ":"))
    for body in (*BODIES[:3], '{"jsonrpc":"2.0","id":1,"result":%s,"x":%s}'):
        found = http.envelopes((body % (long, head)).encode(), 1 + (body in BODIES[:3]))
        assert found is not None
        assert bytes(found[0].result) == long.encode()
    for body in BODIES[:3]:
        found = http.envelopes((body % (head, long)).encode(), 2)
        assert found is not None
        assert bytes(found[1].result) == long.encode()
    assert max(seen) < 400
