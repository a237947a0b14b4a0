from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_abi.exceptions import ABITypeError, ParseError
from eth_abi.grammar import parse

from monitor.abi import parse_event
from monitor.errors import MarketError

EVENTS = Path(__file__).parents[3] / "shared" / "markets" / "events"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("Transfer(address indexed from, address indexed to, uint256 value)", "Transfer(address,address,uint256)"),
        ("event A(uint, int x, byte b);", "A(uint256,int256,bytes1)"),
        ("A((uint256 a, string b)[] items, uint8)", "A((uint256,string)[],uint8)"),
        ("A(tuple(bytes32 h, (bool ok)[2] l) t)", "A((bytes32,(bool)[2]))"),
        ("A(fixed f, ufixed8x1 u, function g)", "A(fixed128x18,ufixed8x1,function)"),
        (" A ( uint256 [ ] [3]  a ) ", "A(uint256[][3])"),
        ("A()", "A()"),
    ],
)
def test_signatures_are_canonical(text, signature):
    assert parse_event(text).signature == signature


def test_arguments_without_a_name_are_called_by_their_place():
    decl = parse_event("A(uint8, address who, bool)")
    assert [param.name for param in decl.params] == ["arg0", "who", "arg2"]
    assert decl.topics() == 1


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", 1, "expected an event name"),
        ("A", 2, "expected ("),
        ("A(uint7 a)", 3, "unknown type uint7"),
        ("A(uint8 a", 10, "expected , or )"),
        ("A(uint8 a) b", 12, "unexpected text"),
        ("A(uint8 a, uint8 a)", 19, "two arguments are called a"),
        ("A(() a)", 4, "expected a type"),
        ("A(uint8[0] a)", 8, "an array has"),
        ("A((uint8 indexed a) t)", 17, "a component cannot be indexed"),
        ("A(uint8 a) anonymous", 21, "anonymous"),
        ("A(uint8[1024][1024] a)", 23, "longer than"),
        ("A(bool indexed a,bool indexed b,bool indexed c,bool indexed d)", 63, "more than 3 indexed"),
        ("A(" + "(" * 20 + "uint8" + ")" * 20 + " a)", 12, "nested deeper"),
    ],
)
def test_a_wrong_declaration_is_refused_where_it_goes_wrong(text, where, what):
    with pytest.raises(MarketError, match=rf"character {where}: ") as caught:
        parse_event(text)
    assert what in caught.value.message


def known_to_eth_abi(word: str) -> bool:
    try:
        found = parse(word)
        found.validate()
    except (ABITypeError, ParseError):
        return False
    return found.base in set(BASES) - {"hash"}


BASES = ("uint", "int", "bytes", "fixed", "ufixed", "address", "string", "hash")
SUFFIXES = ("", "0", "08", "x", "x8", "8x", "8x0", "8x1", "8x01", "8x80", "8x81", "256x100", "7x1", "264x1", "9999999")
STRANGE = ("uints", "Uint", "real")
SIZES = (*SUFFIXES, *map(str, range(1, 40)), "248", "256", "264")
WORDS = [base + size for base in (*BASES, *STRANGE) for size in SIZES]


def test_elementary_types_are_those_of_eth_abi():
    aliases = {"uint", "int", "fixed", "ufixed"}
    for word in WORDS:
        try:
            parse_event(f"A({word} a)")
            taken = True
        except MarketError:
            taken = False
        assert taken == (word in aliases or known_to_eth_abi(word)), word


def test_a_giant_declaration_is_refused():
    with pytest.raises(MarketError, match="longer than"):
        parse_event("A(" + "uint8," * 10_000 + "uint8)")


@pytest.mark.skipif(not EVENTS.is_dir(), reason="the notes on marketplaces are not beside this checkout")
def test_every_event_of_the_notes_has_the_topic_they_measured():
    count = 0
    for path in sorted(EVENTS.glob("*.json")):
        for contract in json.loads(path.read_text())["contracts"].values():
            for event in contract["events"]:
                if event["anonymous"]:
                    continue
                decl = parse_event(event["declaration"])
                assert "0x" + decl.topic0.hex() == event["topic0"], event["declaration"]
                assert decl.signature == event["signature"]
                count += 1
    assert count > 1000
