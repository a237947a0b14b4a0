from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from monitor.abi import Decoder, Undecodable, compile_event, parse_event
from monitor.abi.compiled import source_of

TRANSFER = parse_event("Transfer(address indexed from, address indexed to, uint256 value)")
WHO = b"\x11" * 20


def log(text: str, indexed: list[bytes], types: list[str], values: list[Any]) -> tuple[Decoder, list[bytes], bytes]:
    decl = parse_event(text)
    return compile_event(decl), [decl.topic0, *indexed], encode(types, values)


def test_values_come_in_the_order_of_the_declaration():
    decode, topics, data = log(
        "E(uint8 a, address indexed b, string c, (bool d, bytes4 e)[] f, int16 g)",
        [bytes(12) + WHO],
        ["uint8", "string", "(bool,bytes4)[]", "int16"],
        [7, "größe", [(True, b"\x01\x02\x03\x04")], -3],
    )
    assert decode(topics, data) == (7, WHO, "größe", [{"d": True, "e": b"\x01\x02\x03\x04"}], -3)


def test_indexed_text_arrays_and_tuples_are_their_hash():
    decode, topics, data = log(
        "E(string indexed a, uint8[2] indexed b, (bool x) indexed c)",
        [b"\x01" * 32, b"\x02" * 32, b"\x03" * 32],
        [],
        [],
    )
    assert decode(topics, data) == (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


def test_invalid_utf8_is_replaced_and_the_rest_kept():
    decode, topics, _ = log("E(string a)", [], ["string"], ["x"])
    data = encode(["bytes"], [b"ok\xff\xfe\x1b[31m"])
    assert decode(topics, data) == ("ok\ufffd\ufffd\x1b[31m",)


@pytest.mark.parametrize(
    ("topics", "data", "reason"),
    [
        ([TRANSFER.topic0, bytes(32)], bytes(32), "2 topics instead of 3"),
        ([bytes(32)] * 3, bytes(32), "another event"),
        ([TRANSFER.topic0, bytes(32), b"\x01" + bytes(31)], bytes(32), "more than its type"),
        ([TRANSFER.topic0, bytes(32), bytes(31)], bytes(32), "too early"),
        ([TRANSFER.topic0, bytes(32), bytes(32)], bytes(31), "too early"),
        ([TRANSFER.topic0, bytes(32), bytes(32)], b"", "too early"),
    ],
)
def test_a_malformed_log_is_refused_with_its_reason(topics, data, reason):
    with pytest.raises(Undecodable, match=reason):
        compile_event(TRANSFER)(topics, data)


def test_names_of_the_declaration_cannot_become_code():
    decl = parse_event("E((uint8 __import__, string eval) exec)")
    source, _ = source_of(decl)
    assert "'__import__'" in source
    assert "eval" not in source.replace("'eval'", "")
