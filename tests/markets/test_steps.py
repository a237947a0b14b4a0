from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from eth_hash.auto import keccak
from hypothesis import given as given_
from hypothesis import strategies as st

from monitor.markets.decode import LOGS, Decoded, decode_logs
from monitor.markets.load import Bound, load_markets
from monitor.markets.spheron import Resources, gpu_of, resources_of
from tests.markets.chain_of_logs import encoded, given
from tests.markets.test_lint import HEAD, written

CONTRACT = b"\x11" * 20
SPEC = (
    "{n:w,pr:{a:[{k:region,v:us-central}]},s:[{n:a,r:{c:{u:8000,a:[]},"
    "g:{a:[{k:vendor/nvidia/model/h100,v:true}],u:8},e:[{k:1,s:0}]},c:3}]}"
)


def test_a_compressed_order_and_its_json_form_say_the_same():
    long = (
        '{"Name":"w","PlacementsRequirement":{"Attributes":[{"Key":"region","Value":"us-central"}]},"Services":[{"Name":"a",'
        '"Resources":{"GPU":{"Units":8,"Attributes":[{"Key":"vendor/nvidia/model/h100","Value":"true"}]}},"ReplicaCount":3}]}'
    )
    assert resources_of(SPEC) == Resources("w", "h100", 8, 3, 24, "us-central")
    assert resources_of(long) == resources_of(SPEC)


def test_several_services_add_up_and_name_each_model_once():
    gpu = "{{n:s,r:{{g:{{a:[{{k:vendor/nvidia/model/{},v:true}}],u:{}}}}},c:{}}}"
    spec = (
        "{n:x,s:["
        + ",".join([gpu.format("h100", 8, 2), gpu.format("a100/ram/80Gi", 4, 1), gpu.format("h100", 1, 1)])
        + "]}"
    )
    assert resources_of(spec) == Resources("x", "h100, a100 80Gi", 13, 4, 21, None)


def test_a_provider_spec_gives_its_region():
    assert resources_of("{n:p,r:eu-west}").region == "eu-west"
    assert resources_of('{"Name":"p","Region":"eu-west"}').region == "eu-west"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[",
        "}" * 9,
        "{a:",
        "{" * 100_000,
        "[" * 60_000,
        "{a:[" * 20_000,
        "\x1b[2J",
        '"\\ud800"',
        "{n:x}}",
        "null",
        "7",
    ],
)
def test_a_hostile_spec_says_nothing(text):
    start = time.process_time()
    assert resources_of(text) == Resources()
    assert time.process_time() - start < 20, "not the square of its length"


@pytest.mark.parametrize("units", ["-1", "9" * 30, "1e9", "true", "8.5", "१"])
def test_a_count_that_is_none_is_left_out(units):
    assert resources_of(SPEC.replace("u:8}", f"u:{units}}}")).gpu_count is None
    assert resources_of(SPEC.replace("u:8,e", f"u:{units},e")).gpu_count in {None, 24}


@given_(st.text(alphabet="{}[]:,nprsakvgucmie1 8truefals/", max_size=200))
def test_any_text_is_read_or_left(text):
    assert isinstance(resources_of(text), Resources)


def test_akash_attributes_are_read_from_mappings():
    attributes = [{"key": "vendor/amd/model/mi300x", "value": "true"}, {"key": "region", "value": "us"}]
    assert gpu_of(attributes) == ("mi300x", "us")
    assert gpu_of([{"key": "vendor/nvidia/model/*", "value": "true"}]) == ("nvidia", None)
    assert gpu_of([{"key": "vendor/nvidia/model/h100", "value": "false"}, 7, {"key": 3}]) == (None, None)


EVENTS = r"""
[[event]]
role = "r"
decl = "Put(uint64 key, string text)"
verb = "table.put"
table = "t"
key = "key"
value = "text"

[[event]]
role = "r"
decl = "Gone(uint64 key)"
verb = "table.delete"
table = "t"
key = "key"

[[event]]
role = "r"
decl = "Seen(uint64 key, uint256 big)"
verb = "lease.patch"
key = "key"
steps = [{ do = "lookup", table = "t", key = "key", as = "found" }]
set.name = "found"
set.amount = "big * 1000"

[[event]]
role = "r"
decl = "Many(uint64 id, (string key, string value)[] pairs, (uint64 n, address who)[] list)"
verb = "capacity.upsert"
key = "CAST(id AS VARCHAR) || '-' || CAST(list.n AS VARCHAR)"
steps = [
  { do = "akash_attributes", of = "pairs" },
  { do = "explode", of = "list" },
  { do = "keccak_packed", types = ["address", "uint64"], args = ["list.who", "id"], as = "derived" },
]
set.gpu_raw = "gpu_model"
set.region_raw = "region"
set.provider = "list.who"
set.machine_id = "derived"
"""


def decoded(tmp_path: Path, *logs: tuple[int, int, str, list[Any]]) -> Decoded:
    """Decode (block, log index, declaration, values) with a market made of all steps."""
    written(tmp_path, HEAD + EVENTS)
    rows = []
    for block, index, text, values in logs:
        topics, data = encoded(text, values)
        rows.append(
            {
                "chain_id": 1,
                "block_number": block,
                "log_index": index,
                "address": CONTRACT,
                "topics": topics,
                "data": data,
            }
        )
    bound = (Bound(1, "m", "r", CONTRACT, 0, None, None, None),)
    return decode_logs(pl.DataFrame(rows, schema=LOGS), load_markets([tmp_path]), bound)


PUT, GONE, SEEN = "Put(uint64 key, string text)", "Gone(uint64 key)", "Seen(uint64 key, uint256 big)"


def test_a_lookup_finds_the_last_put_before_the_log_and_nothing_after_a_delete(tmp_path):
    found = decoded(
        tmp_path,
        (1, 0, SEEN, [5, 1]),
        (1, 1, PUT, [5, "a"]),
        (1, 2, SEEN, [5, 1]),
        (2, 0, PUT, [5, "b"]),
        (2, 1, PUT, [6, "other"]),
        (2, 2, SEEN, [5, 1]),
        (3, 0, GONE, [5]),
        (3, 1, SEEN, [5, 1]),
    )
    assert [row.get("name") for row in given(found.events)] == [None, "a", "b", None]
    assert found.quarantine.is_empty()


def test_an_overflow_puts_aside_its_own_log_only(tmp_path):
    logs = [(number, 0, SEEN, [number, 10**37 if number in {3, 8} else 1]) for number in range(10)]
    found = decoded(tmp_path, *logs)
    assert [row["lease_id"] for row in given(found.events)] == [str(n) for n in range(10) if n not in {3, 8}]
    assert found.quarantine["block_number"].to_list() == [3, 8]
    assert found.quarantine["reason"].str.starts_with("Seen: cannot be computed: overflow").all()


def test_lists_explode_structs_open_and_identifiers_are_derived(tmp_path):
    many = "Many(uint64 id, (string key, string value)[] pairs, (uint64 n, address who)[] list)"
    who = [bytes([n]) * 20 for n in (1, 2)]
    pairs = [("vendor/nvidia/model/h100", "true"), ("region", "us")]
    found = decoded(tmp_path, (1, 0, many, [7, pairs, [(10, who[0]), (20, who[1])]]), (2, 0, many, [8, [], []]))
    rows = given(found.events)
    assert [row["lease_id"] for row in rows] == ["7-10", "7-20"]
    assert [row["provider"] for row in rows] == who
    assert {(row["gpu_raw"], row["region_raw"]) for row in rows} == {("h100", "us")}
    assert rows[0]["machine_id"] == "0x" + keccak(who[0] + (7).to_bytes(8, "big")).hex()
    assert found.quarantine.height == 1
