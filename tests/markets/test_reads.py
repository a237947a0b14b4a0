"""Reads: what a rule needs beside logs is wanted once, used when known, and null when it cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from eth_abi.abi import encode

from monitor.markets.decode import Decoded, decode_logs
from monitor.markets.lint import check
from monitor.markets.load import load_markets
from monitor.model.schema import READS, WANTED
from tests.markets.chain_of_logs import given
from tests.markets.test_lint import HEAD, written
from tests.markets.test_lists import BOUND, CONTRACT, Placed, frame
from tests.markets.theatre import call_data

SEEN = "Seen(bytes32 deal, address pool)"
DEAL, POOL, SENDER = b"\x05" * 32, b"\x06" * 20, b"\x07" * 20
TEXT = f"""
[[event]]
role = "r"
decl = "{SEEN}"
verb = "lease.patch"
key = "deal"

[[event.steps]]
do = "call"
as = "row"
args = ["deal"]
function = [
  "viewDeal(bytes32 id) returns ((address requester, uint256 price, string params, uint256 first, address sponsor) d)",
  "viewDeal(bytes32 id) returns ((address requester, uint256 price, string params, uint256 first) d)",
]

[[event.steps]]
do = "call"
as = "pool_row"
to = "pool"
at = "before"
function = "owner() returns (address who)"

[event.set]
renter = "row.requester"
payer = "COALESCE(row.sponsor, row.requester)"
amount = "row.price"
provider = "pool_row.who"
"""
LOG: Placed = (9, 0, CONTRACT, SEEN, [DEAL, POOL])
OWNER = call_data("owner", [], [])
VIEW = call_data("viewDeal", ["bytes32"], [DEAL])
LONG = encode(["(address,uint256,string,uint256,address)"], [(SENDER, 7, "{}", 3, POOL)])
SHORT = encode(["(address,uint256,string,uint256)"], [(SENDER, 7, "{}", 3)])


def read(
    block: int, target: bytes, payload: bytes, result: bytes | None, failure: str | None = None, kind: str = "call"
) -> tuple[Any, ...]:
    return (1, block, kind, target, payload, result, failure)


def decoded(tmp_path: Path, text: str, logs: list[Placed], *reads: tuple[Any, ...]) -> Decoded:
    written(tmp_path, HEAD + text)
    markets = load_markets([tmp_path])
    assert check(markets) == []
    return decode_logs(frame(*logs), markets, BOUND, reads=pl.DataFrame(reads, schema=READS, orient="row"))


def test_what_is_not_known_is_null_and_wanted_once(tmp_path):
    found = decoded(tmp_path, TEXT, [LOG, (9, 1, CONTRACT, SEEN, [DEAL, POOL])])
    assert all("renter" not in row and "provider" not in row for row in given(found.events))
    assert dict(found.wanted.schema) == WANTED
    assert found.wanted.rows() == [(1, 8, "call", POOL, OWNER), (1, 9, "call", CONTRACT, VIEW)]


def test_what_is_known_is_used_and_wanted_no_more(tmp_path):
    reads = [read(9, CONTRACT, VIEW, LONG), read(8, POOL, OWNER, encode(["address"], [CONTRACT]))]
    found = decoded(tmp_path, TEXT, [LOG], *reads)
    (row,) = given(found.events)
    assert (row["renter"], row["payer"], row["amount"], row["provider"]) == (SENDER, POOL, 7, CONTRACT)
    assert found.wanted.is_empty()


def test_an_older_layout_of_an_answer_is_read_by_its_own_declaration(tmp_path):
    (row,) = given(decoded(tmp_path, TEXT, [LOG], read(9, CONTRACT, VIEW, SHORT)).events)
    assert (row["renter"], row["payer"], row["amount"]) == (SENDER, SENDER, 7)


@pytest.mark.parametrize("result", [None, b"", b"\x01" * 40, b"\xff" * 320])
def test_what_could_not_be_had_is_null_and_not_wanted_again(tmp_path, result):
    found = decoded(tmp_path, TEXT, [LOG], read(9, CONTRACT, VIEW, result, None if result is not None else "reverted"))
    (row,) = given(found.events)
    assert "renter" not in row
    assert found.wanted["target"].to_list() == [POOL]


def test_an_answer_for_another_block_is_no_answer(tmp_path):
    found = decoded(tmp_path, TEXT, [LOG], read(8, CONTRACT, VIEW, LONG), read(9, POOL, OWNER, bytes(32)))
    assert "renter" not in given(found.events)[0]
    assert found.wanted.height == 2


def test_a_number_beyond_38_digits_in_an_answer_is_null_beside_its_neighbours(tmp_path):
    huge = encode(["(address,uint256,string,uint256)"], [(SENDER, 2**256 - 1, "", 0)])
    (row,) = given(decoded(tmp_path, TEXT, [LOG], read(9, CONTRACT, VIEW, huge)).events)
    assert row["renter"] == SENDER
    assert "amount" not in row


CONSTANT = f"""
[[event]]
role = "r"
decl = "{SEEN}"
verb = "lease.patch"
key = "deal"
steps = [{{ do = "call", at = "any", as = "epoch", function = "epochDuration() returns (uint256 seconds)" }}]
set.duration_seconds = "epoch.seconds"
"""
DURATION = call_data("epochDuration", [], [])


def test_a_constant_is_asked_for_once_and_answers_for_every_block(tmp_path):
    logs: list[Placed] = [LOG, (12, 0, CONTRACT, SEEN, [DEAL, POOL])]
    assert decoded(tmp_path, CONSTANT, logs).wanted.rows() == [(1, 12, "call", CONTRACT, DURATION)]
    found = decoded(tmp_path, CONSTANT, logs, read(12, CONTRACT, DURATION, encode(["uint256"], [60])))
    assert [row["duration_seconds"] for row in given(found.events)] == [60, 60]
    assert found.wanted.is_empty()
    refused = decoded(tmp_path, CONSTANT, logs, read(12, CONTRACT, DURATION, None, "reverted"))
    assert refused.wanted.is_empty()


HASHED = "Created(string indexed uid, address holder)"
SENT = f"""
[[event]]
role = "r"
decl = "{HASHED}"
verb = "lease.open"
key = "uid"

[[event.steps]]
do = "calldata"
as = "sent"
function = ["assign(string uid, uint256 hours)", "assignMany(string uid)"]

[event.set]
renter = "holder"
provider = "tx_from"
name = "sent.uid"
amount = "tx_value"
duration_seconds = "sent.hours * 3600"
"""
CREATED: Placed = (9, 0, CONTRACT, HASHED, [b"\x08" * 32, POOL])
TX = (9).to_bytes(32, "big")


def transaction(to: bytes, data: bytes) -> tuple[Any, ...]:
    return read(9, b"", TX, SENDER + to + (5).to_bytes(32, "big") + data, kind="transaction")


def test_a_transaction_gives_its_sender_value_and_arguments(tmp_path):
    found = decoded(tmp_path, SENT, [CREATED])
    assert found.wanted.rows() == [(1, 9, "transaction", b"", TX)]
    assert "provider" not in given(found.events)[0]
    call = call_data("assign", ["string", "uint256"], ["task-1", 2])
    (row,) = given(decoded(tmp_path, SENT, [CREATED], transaction(CONTRACT, call)).events)
    assert (row["provider"], row["name"], row["amount"], row["duration_seconds"]) == (SENDER, "task-1", 5, 7200)
    other = call_data("assignMany", ["string"], ["task-2"])
    (row,) = given(decoded(tmp_path, SENT, [CREATED], transaction(CONTRACT, other)).events)
    assert (row["name"], row.get("duration_seconds")) == ("task-2", None)


def test_arguments_of_a_call_to_somebody_else_are_not_believed(tmp_path):
    call = call_data("assign", ["string", "uint256"], ["forged", 2])
    (row,) = given(decoded(tmp_path, SENT, [CREATED], transaction(POOL, call)).events)
    assert row["provider"] == SENDER
    assert "name" not in row


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ('do = "call"\nas = "x"\nfunction = "f(uint256 a) returns (uint256 b)"', "takes 1 arguments, 0 are given"),
        ('do = "call"\nas = "x"\nfunction = "f()"', "names nothing to read"),
        ('do = "call"\nas = "x"\nfunction = "f( returns (uint256 b)"', "event declaration"),
        (
            'do = "call"\nas = "x"\nfunction = ["f() returns (uint256 b)", "g() returns (uint256 b)"]',
            "another function",
        ),
        ('do = "call"\nas = "x"\nfunction = ["f() returns (uint256 b)", "f() returns (bool b)"]', "two types"),
        ('do = "call"\nas = "x"\nrole = "q"\nfunction = "f() returns (uint256 b)"', "role q emits no declared event"),
        ('do = "calldata"\nas = "x"\nfunction = "f()"', "names nothing to read"),
    ],
)
def test_a_wrong_step_is_found_with_its_line(tmp_path, step, what):
    text = (
        HEAD + f'\n[[event]]\nrole = "r"\ndecl = "{SEEN}"\nverb = "attest"\nkey = "deal"\n\n[[event.steps]]\n{step}\n'
    )
    written(tmp_path, text)
    (problem,) = check(load_markets([tmp_path]))
    assert what in problem.message
    assert problem.line == text.splitlines().index("[[event.steps]]") + 1
