"""Steps that fan one log out or read many elements: explode, items, range, lookups of all and of sums, bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from eth_hash.auto import keccak
from hypothesis import given as given_
from hypothesis import strategies as st

from monitor.markets.decode import LOGS, Decoded, decode_logs, find_children
from monitor.markets.lint import check
from monitor.markets.load import Bound, load_markets
from tests.markets.chain_of_logs import encoded, given
from tests.markets.test_lint import HEAD, written

CONTRACT, CHILD, GRANDCHILD = b"\x11" * 20, b"\x22" * 20, b"\x33" * 20
BOUND = (Bound(1, "m", "r", CONTRACT, 0, CONTRACT, 6, None),)
Placed = tuple[int, int, bytes, str, list[Any]]


def frame(*logs: Placed) -> pl.DataFrame:
    rows = []
    for block, index, address, text, values in logs:
        topics, data = encoded(text, values)
        rows.append(
            {"chain_id": 1, "block_number": block, "log_index": index, "address": address, "topics": topics}
            | {"data": data, "tx_hash": block.to_bytes(32, "big")}
        )
    return pl.DataFrame(rows, schema=LOGS)


def decoded(tmp_path: Path, text: str, *logs: Placed) -> Decoded:
    written(tmp_path, HEAD + text)
    markets = load_markets([tmp_path])
    assert check(markets) == []
    return decode_logs(frame(*logs), markets, BOUND)


BATCH = "Batch(address[] users, uint256[] amounts)"
SIDE_BY_SIDE = f"""
[[event]]
role = "r"
decl = "{BATCH}"
verb = "lease.deposit"
key = "users"
steps = [{{ do = "explode", of = ["users", "amounts"] }}]
set.amount = "amounts"
"""


def test_lists_side_by_side_become_rows_and_unequal_ones_are_put_aside(tmp_path):
    users = [bytes([n]) * 20 for n in (1, 2)]
    found = decoded(
        tmp_path,
        SIDE_BY_SIDE,
        (1, 0, CONTRACT, BATCH, [users, [10, 20]]),
        (2, 0, CONTRACT, BATCH, [users, [10]]),
        (3, 0, CONTRACT, BATCH, [users[:1], [30]]),
    )
    assert [int(row["amount"]) for row in given(found.events)] == [10, 20, 30]
    assert found.quarantine["block_number"].to_list() == [2]
    assert "matching element counts" in found.quarantine["reason"][0]


DEAL = "Deal(uint64 id, (uint8 ty, uint256 quantity, string label)[] resources, uint32[] plain)"
_TAKEN = 'first = { gpu = "label" }, total = { cores = "quantity * 2" }, count = "kinds"'
ITEMS = f"""
[[event]]
role = "r"
decl = "{DEAL}"
verb = "lease.patch"
key = "id"
steps = [
  {{ do = "items", of = "resources", where = "ty = 0", {_TAKEN} }},
  {{ do = "items", of = "plain", where = "item > 1", total = {{ big = "item" }} }},
]
set.gpu_raw = "gpu"
set.amount = "cores"
set.gpu_count = "kinds"
set.parts = "big"
"""


@given_(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**100), st.text(max_size=5)), max_size=6),
    st.lists(st.integers(0, 2**32 - 1), max_size=5),
)
def test_items_are_filtered_summed_and_the_first_is_taken(tmp_path_factory, resources, plain):
    found = decoded(tmp_path_factory.mktemp("m"), ITEMS, (1, 0, CONTRACT, DEAL, [7, resources, plain]))
    (row,) = given(found.events)
    mine = [(quantity, label) for ty, quantity, label in resources if ty == 0]
    assert row.get("gpu_raw") == (mine[0][1] if mine else None)
    assert row["amount"] == 2 * sum(quantity for quantity, _ in mine)
    assert row["gpu_count"] == len(mine)
    assert row["parts"] == sum(number for number in plain if number > 1)


MATCHED, DONE = "Matched(bytes32 deal, bytes32 request, uint256 volume)", "Done(bytes32 task)"
TASKS = f"""
[[event]]
role = "r"
decl = "{MATCHED}"
verb = "table.put"
table = "volume"
key = "request"
value = "volume"

[[event]]
role = "r"
decl = "{MATCHED}"
verb = "table.put"
table = "task"
key = "task"
value = "deal"
steps = [
  {{ do = "lookup", table = "volume", key = "request", as = "done", take = "sum" }},
  {{ do = "range", first = "done", count = "volume", as = "number" }},
  {{ do = "keccak_packed", types = ["bytes32", "uint256"], args = ["deal", "number"], as = "task" }},
]

[[event]]
role = "r"
decl = "{DONE}"
verb = "lease.close"
key = "deal"
steps = [{{ do = "lookup", table = "task", key = "task", as = "deal" }}]
set.part = "task"
"""


def task(deal: bytes, number: int) -> bytes:
    return keccak(deal + number.to_bytes(32, "big"))


def test_what_fills_a_table_may_sum_another_up_and_derive_a_range_of_identifiers(tmp_path):
    one, two, request = b"\x01" * 32, b"\x02" * 32, b"\x0f" * 32
    found = decoded(
        tmp_path,
        TASKS,
        (1, 0, CONTRACT, MATCHED, [one, request, 2]),
        (2, 0, CONTRACT, MATCHED, [two, request, 3]),
        (3, 0, CONTRACT, DONE, [task(one, 1)]),
        (3, 1, CONTRACT, DONE, [task(two, 4)]),
        (3, 2, CONTRACT, DONE, [task(two, 0)]),
    )
    assert [row["lease_id"] for row in given(found.events)] == ["0x" + one.hex(), "0x" + two.hex()]
    assert found.quarantine["reason"].to_list() == ["Done: lease.close has no key: nothing known yet in task"]


def test_a_range_beyond_belief_derives_nothing(tmp_path):
    deal, request = b"\x01" * 32, b"\x0f" * 32
    found = decoded(tmp_path, TASKS, (1, 0, CONTRACT, MATCHED, [deal, request, 10**30]))
    assert found.tables["table"].to_list() == ["volume"]


JOINED, LEFT, FUNDED = (
    "Joined(address deal, uint64 worker)",
    "Left(address deal, uint64 worker)",
    "Funded(address deal, uint64 until)",
)
FAN = f"""
[[event]]
role = "r"
decl = "{JOINED}"
verb = "table.put"
table = "workers"
key = "deal"
value = "worker"

[[event]]
role = "r"
decl = "{LEFT}"
verb = "table.delete"
table = "workers"
key = "deal"
value = "worker"

[[event]]
role = "r"
decl = "{FUNDED}"
verb = "lease.extend"
key = "worker"
steps = [
  {{ do = "lookup", table = "workers", key = "deal", as = "worker", take = "all" }},
  {{ do = "explode", of = "worker" }},
]
set.planned_end = "until"
"""


def test_one_log_reaches_every_lease_that_stands_under_its_key(tmp_path):
    deal = b"\x05" * 20
    found = decoded(
        tmp_path,
        FAN,
        (1, 0, CONTRACT, FUNDED, [deal, 1]),
        (2, 0, CONTRACT, JOINED, [deal, 8]),
        (2, 1, CONTRACT, JOINED, [deal, 9]),
        (3, 0, CONTRACT, FUNDED, [deal, 2]),
        (4, 0, CONTRACT, LEFT, [deal, 8]),
        (5, 0, CONTRACT, FUNDED, [deal, 3]),
    )
    assert [(row["lease_id"], row["planned_end"]) for row in given(found.events)] == [("8", 2), ("9", 2), ("9", 3)]
    assert found.quarantine["block_number"].to_list() == [1]


MADE, HELD = "Made(address child)", "Held(uint64 id, address who)"
FACTORY = f"""
[[event]]
role = ["r", "task"]
decl = "{MADE}"
verb = "child.register"
key = "child"
child = "task"

[[event]]
role = "task"
decl = "{HELD}"
verb = "lease.patch"
key = ['"address"', "id"]
set.payer = "who"
set.token = "deployment_token"
"""


def test_children_of_factories_are_known_from_their_birth_and_their_own_children_too(tmp_path):
    logs: list[Placed] = [
        (5, 0, CONTRACT, MADE, [CHILD]),
        (6, 0, CHILD, MADE, [GRANDCHILD]),
        (7, 0, CONTRACT, MADE, [CHILD]),
        (7, 1, CONTRACT, MADE, [bytes(20)]),
        (7, 2, CONTRACT, MADE, [CONTRACT]),
        (8, 0, GRANDCHILD, HELD, [1, CONTRACT]),
        (8, 1, b"\x44" * 20, HELD, [1, CONTRACT]),
    ]
    found = decoded(tmp_path, FACTORY, *logs)
    assert found.events.filter(verb="lease.patch")["contract"].to_list() == [GRANDCHILD]
    assert found.events.filter(verb="lease.patch")["token"].to_list() == [CONTRACT]
    children = find_children(frame(*logs), load_markets([tmp_path]), BOUND)
    assert [(item.address, item.role, item.from_block) for item in children] == [
        (CHILD, "task", 5),
        (GRANDCHILD, "task", 6),
    ]


TAGGED = "Tagged(uint64 id, bytes32 tag, uint256 number)"
BITS = f"""
[[event]]
role = "r"
decl = "{TAGGED}"
verb = "lease.patch"
key = "id"
steps = [{{ do = "bits", of = "tag", places = {{ tee = 0, gpu = 8 }} }}]
set.gpu_raw = "CASE WHEN gpu THEN 'gpu' ELSE NULL END"
set.name = "tee"
"""


def test_bits_of_a_word_count_from_the_lowest(tmp_path):
    found = decoded(
        tmp_path,
        BITS,
        (1, 0, CONTRACT, TAGGED, [1, (0x100).to_bytes(32, "big"), 0]),
        (1, 1, CONTRACT, TAGGED, [2, (0x1).to_bytes(32, "big"), 0]),
    )
    assert [(row.get("gpu_raw"), row["name"]) for row in given(found.events)] == [("gpu", "false"), (None, "true")]
