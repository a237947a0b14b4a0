"""Deployments that are bounded to some events, of one contract or of any: what is asked for, and what is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitor.abi import parse_event
from monitor.config import Config
from monitor.errors import MarketError
from monitor.markets.decode import Decoded, decode_logs
from monitor.markets.lint import check
from monitor.markets.load import Market, bind, bind_everywhere, load_markets
from monitor.markets.logfile import decode_file
from monitor.markets.standards import EPOCHS
from monitor.sync.fragment import contract_fragment, filters
from monitor.views.coverage import contract_wants
from tests.markets.chain_of_logs import encoded, given
from tests.markets.test_lint import line_of, written
from tests.markets.test_lists import frame

A, B, TOKEN, OTHER = (bytes([n]) * 20 for n in (0x11, 0x22, 0x33, 0x44))
PAID = "Paid(address indexed token, address indexed payer, uint256 amount)"
MOVED = "Transfer(address indexed from, address indexed to, uint256 value)"
HEAD = f"""\
[market]
id = "m"
title = "M"
source = "a test"
verified = "2026-11-22"
paid_until = "none"

[[deployment]]
chain = 1
network = "n"
role = "r"
from_block = 5
address = "0x{A.hex()}"
only = [{{ event = "Paid", args = {{ token = "0x{TOKEN.hex()}" }} }}]
"""
EVENTS = f"""
[[event]]
role = "r"
decl = "{PAID}"
verb = "lease.settle"
key = ["address", "payer"]
set.payer = "payer"
set.amount = "amount"

[[event]]
role = "r"
decl = "{MOVED}"
verb = "ignore"
"""
ANY = HEAD.replace(f'"0x{A.hex()}"\nonly', '"any"\nonly')


def loaded(tmp_path: Path, text: str) -> dict[str, Market]:
    written(tmp_path, text)
    return load_markets([tmp_path])


def config() -> Config:
    return Config.model_validate({"chains": {"one": {"id": 1, "rpc": ["http://x"]}}})


def decoded(tmp_path: Path, text: str, *logs: tuple[int, int, bytes, str, list[Any]]) -> Decoded:
    markets = loaded(tmp_path, text)
    assert check(markets) == []
    return decode_logs(frame(*logs), markets, bind(markets, config()))


EPOCH = (tuple(sorted(decl.topic0 for decl in EPOCHS)),)
"""Upgrades of a contract that is known are asked for beside what it is bounded to."""


def asked(tmp_path: Path, text: str) -> list[Any]:
    bound = bind(loaded(tmp_path, text), config())
    found = [(want, filters([want.fragment])[0]) for want in contract_wants(1, bound)]
    assert [item.topics == EPOCH for _, item in found].count(True) == (bound[0].address != b"" and bool(bound[0].only))
    return [(want, item) for want, item in found if item.topics != EPOCH]


def word(address: bytes) -> bytes:
    return address.rjust(32, b"\0")


def test_a_contract_is_asked_for_the_events_it_is_bounded_to(tmp_path):
    ((want, wanted),) = asked(tmp_path, HEAD + EVENTS)
    assert (want.start, want.stop) == (5, None)
    assert wanted == ((A,), ((parse_event(PAID).topic0,), (word(TOKEN),)))


def test_any_contract_is_asked_for_the_same_without_an_address(tmp_path):
    ((_, wanted),) = asked(tmp_path, ANY + EVENTS)
    assert wanted == ((), ((parse_event(PAID).topic0,), (word(TOKEN),)))


def test_events_bounded_alike_share_a_request_and_others_have_their_own(tmp_path):
    paid = f'{{ event = "Paid", args = {{ token = "0x{TOKEN.hex()}" }} }}'
    more = HEAD.replace(f"[{paid}]", f'[{paid}, {{ event = "Transfer", args = {{ from = "0x{TOKEN.hex()}" }} }}]')
    ((_, wanted),) = asked(tmp_path, more + EVENTS)
    first = tuple(sorted((parse_event(PAID).topic0, parse_event(MOVED).topic0)))
    assert wanted == ((A,), (first, (word(TOKEN),)))
    apart = more.replace("{ from =", "{ to =")
    assert {item.topics for _, item in asked(tmp_path, apart + EVENTS)} == {
        ((parse_event(PAID).topic0,), (word(TOKEN),)),
        ((parse_event(MOVED).topic0,), None, (word(TOKEN),)),
    }


def test_a_list_of_values_means_any_of_them(tmp_path):
    both = HEAD.replace(f'"0x{TOKEN.hex()}" }}', f'["0x{OTHER.hex()}", "0x{TOKEN.hex()}"] }}')
    ((_, wanted),) = asked(tmp_path, both + EVENTS)
    assert wanted.topics[1] == (word(TOKEN), word(OTHER))


def test_a_contract_without_bounds_is_read_whole(tmp_path):
    whole = "\n".join(line for line in HEAD.splitlines() if not line.startswith("only")) + "\n"
    ((want, _),) = asked(tmp_path, whole + EVENTS)
    assert want.fragment == contract_fragment(A)


def test_what_is_not_asked_for_is_passed_over_although_the_ledger_has_it(tmp_path):
    found = decoded(
        tmp_path,
        HEAD + EVENTS,
        (6, 0, A, PAID, [TOKEN, B, 1]),
        (6, 1, A, PAID, [OTHER, B, 2]),
        (6, 2, A, "Unheard(uint256 of)", [7]),
        (6, 3, B, PAID, [TOKEN, B, 3]),
        (4, 0, A, PAID, [TOKEN, B, 4]),
    )
    assert [int(row["amount"]) for row in given(found.events)] == [1]
    assert found.quarantine.is_empty()


def test_events_of_any_address_are_read_and_kept_apart_by_address(tmp_path):
    found = decoded(
        tmp_path,
        ANY + EVENTS,
        (6, 0, A, PAID, [TOKEN, OTHER, 1]),
        (6, 1, B, PAID, [TOKEN, OTHER, 2]),
        (6, 2, B, PAID, [OTHER, OTHER, 3]),
        (6, 3, B, MOVED, [TOKEN, OTHER, 3]),
    )
    assert [(row["contract"], int(row["amount"])) for row in given(found.events)] == [(A, 1), (B, 2)]
    assert len(set(found.events["lease_id"])) == 2
    assert found.quarantine.is_empty()


def test_another_layout_of_what_was_asked_for_is_put_aside(tmp_path):
    other = "Paid(address indexed token, address indexed payer, uint256 indexed amount)"
    for text in (HEAD, ANY):
        found = decoded(tmp_path, text + EVENTS, (6, 0, A, other, [TOKEN, B, 1]))
        assert found.events.is_empty()
        assert found.quarantine["reason"].to_list() == ["unknown layout of Paid: 4 topics"]


def test_the_order_of_logs_and_of_addresses_does_not_matter(tmp_path):
    logs = [(6, place, address, PAID, [TOKEN, OTHER, place]) for place, address in enumerate((B, A, OTHER))]
    one = decoded(tmp_path, ANY + EVENTS, *logs)
    assert one.events.equals(decoded(tmp_path, ANY + EVENTS, *reversed(logs)).events)


@pytest.mark.parametrize(
    ("only", "what"),
    [
        ("", "any address is bounded by events only"),
        ('only = [{ event = "Transfer" }]', "Transfer is emitted all over the chain"),
        ('only = [{ event = "Nothing" }]', "role r emits no Nothing"),
        ('only = [{ event = "Paid", args = { amount = 1 } }]', "Paid has no indexed argument amount"),
        ('only = [{ event = "Paid", args = { token = "0x12" } }]', "no address that token can be"),
        ('only = [{ event = "Paid", args = { token = true } }]', "no address that token can be"),
    ],
)
def test_what_bounds_nothing_is_refused_with_its_line(tmp_path, only, what):
    lines = [only if line.startswith("only") else line for line in ANY.splitlines()]
    text = "\n".join(lines) + EVENTS
    with pytest.raises(MarketError) as caught:
        loaded(tmp_path, text)
    line = line_of(text, "only =" if only else "[[deployment]]")
    assert caught.value.message.startswith(f"{tmp_path}/m/market.toml:{line}: ")
    assert what in caught.value.message


def test_an_indexed_argument_makes_a_common_event_bounded(tmp_path):
    bounded = ANY.replace('"Paid", args = { token', '"Transfer", args = { to')
    ((_, wanted),) = asked(tmp_path, bounded + EVENTS)
    assert wanted.topics == ((parse_event(MOVED).topic0,), None, (word(TOKEN),))


def test_a_key_that_a_strangers_contract_could_share_is_refused(tmp_path):
    text = ANY + EVENTS.replace('["address", "payer"]', '"payer"')
    (problem,) = check(loaded(tmp_path, text))
    assert "its key must hold `address`" in problem.message
    assert problem.line == line_of(text, "key =")
    assert check(loaded(tmp_path, text.replace('"any"', f'"0x{A.hex()}"'))) == []


def test_texts_and_words_are_hashed_and_padded_as_topics_are(tmp_path):
    decl = "Named(string indexed name, bytes4 indexed kind, int64 indexed number)"
    text = HEAD.replace(f'"Paid", args = {{ token = "0x{TOKEN.hex()}" }}', '"Named", args = {}').replace(
        "args = {}", 'args = { name = "x", kind = "0x01020304", number = -1 }'
    )
    ((_, wanted),) = asked(tmp_path, text + f'\n[[event]]\nrole = "r"\ndecl = "{decl}"\nverb = "ignore"\n' + EVENTS)
    topics, _ = encoded(decl.replace("string indexed name", "bytes32 indexed name"), [bytes(32), b"\1\2\3\4", -1])
    name, kind, number = (words[0] for words in wanted.topics[1:])
    assert (kind, number) == (topics[2], topics[3])
    assert name.hex() == "7521d1cadbcfa91eec65aa16715b94ffc1c9654ba57ea2ef1a2127bca1127a83"


def test_a_bare_log_of_any_address_is_read_where_its_chain_is_told_and_its_topics_fit(tmp_path):
    markets = loaded(tmp_path, ANY + EVENTS)
    logs = []
    for token in (TOKEN, OTHER):
        topics, data = encoded(PAID, [token, B, 7])
        logs.append({"address": f"0x{B.hex()}", "topics": [f"0x{x.hex()}" for x in topics], "data": f"0x{data.hex()}"})
    text = json.dumps(
        [{**log, "blockNumber": "0x9", "logIndex": hex(place)} for place, log in enumerate(logs)]
    ).encode()
    mine, other = decode_file(text, markets, bind_everywhere(markets), 1)
    assert (mine.market, mine.verb, other.market) == ("m", "lease.settle", "")
    unknown, _ = decode_file(text, markets, bind_everywhere(markets))
    assert "no market's contract" in unknown.reason
