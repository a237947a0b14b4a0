from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.errors import InputError
from monitor.markets.lint import load_checked
from monitor.markets.load import bind, bind_everywhere
from monitor.markets.logfile import Row, decode_file
from tests.markets.chain_of_logs import CONTRACT, LOCAL, PROVIDER, RENTER, START, built_in, encoded, local_config
from tests.markets.test_lint import written

GPU = "StakedGPUType(string machineId, string gpuType)"
RENT = (
    "RentMachine(address indexed machineOnwer, uint256 rentId, string machineId, "
    "uint256 rentEndTime, address renter, uint256 rentFee)"
)


def rpc(role: str, text: str, values: list[Any], **more: Any) -> dict[str, Any]:
    topics, data = encoded(text, values)
    address = CONTRACT["deeplink_dbc"][role]
    return {"address": address, "topics": ["0x" + t.hex() for t in topics], "data": "0x" + data.hex()} | more


def rows_of(items: list[dict[str, Any]], chain: int = LOCAL) -> list[Row]:
    markets = built_in()
    return decode_file(json.dumps(items).encode(), markets, bind(markets, local_config()), chain)


def test_one_row_per_log_in_the_files_order_with_tables_filled_as_they_come():
    opened = [PROVIDER, 9, "m1", START, RENTER, 5]
    rows = rows_of([rpc("rent", RENT, opened), rpc("staking", GPU, ["m1", "NVIDIA H100"]), rpc("rent", RENT, opened)])
    assert [row.verb for row in rows] == ["lease.open", "capacity.upsert", "lease.open"]
    assert [json.loads(row.fields).get("gpu_raw") for row in rows] == [None, "NVIDIA H100", "NVIDIA H100"]
    assert list(json.loads(rows[2].fields)) == sorted(json.loads(rows[2].fields))


def test_fields_that_need_a_block_time_appear_only_with_one():
    opened = [PROVIDER, 9, "m1", START, RENTER, 5]
    bare, full = rows_of(
        [rpc("rent", RENT, opened), rpc("rent", RENT, opened, blockNumber="0x10", blockTimestamp=hex(START))]
    )
    assert "start" not in json.loads(bare.fields)
    assert json.loads(full.fields)["start"] == START


def test_without_a_chain_the_address_decides():
    markets = built_in()
    item = rpc("staking", GPU, ["m1", "x"]) | {"address": "0x6268aba94d0d0e4fb917cc02765f631f309a7388"}
    (row,) = decode_file(json.dumps([item]).encode(), markets, bind_everywhere(markets))
    assert (row.chain_id, row.verb) == ("19880818", "capacity.upsert")


def test_known_but_meaningless_logs_are_shown_as_ignored():
    (row,) = rows_of([rpc("rent", "RentTime(uint256 totalRentSenconds, uint256 usedRentSeconds)", [1, 2])])
    assert (row.event, row.verb, row.reason) == ("RentTime", "ignore", "")


def test_a_quarantined_log_keeps_its_reason_and_has_no_verb():
    (row,) = rows_of([rpc("rent", RENT, [PROVIDER, 9, "m1", START, RENTER, 5]) | {"data": "0x00"}])
    assert (row.verb, row.market, row.reason) == ("", "deeplink_dbc", "RentMachine: the payload ends too early")


HELD = "Held(uint64 id, address who)"
PLACELESS = f"""
[market]
id = "m"
title = "M"
source = "a test"
verified = "2026-11-22"
paid_until = "none"
undeployed = ["loose"]

[[deployment]]
network = "its own chain"
role = "r"
address = "0x{"11" * 20}"
token_decimals = 9

[[event]]
role = ["r", "loose"]
decl = "{HELD}"
verb = "lease.patch"
key = "id"
set.payer = "who"
set.price_scale = "token_decimals"
"""


@pytest.mark.parametrize("chain", [None, 5])
def test_what_has_no_chain_or_no_address_is_known_by_the_rest(tmp_path, chain):
    written(tmp_path, PLACELESS)
    markets = load_checked([tmp_path])
    item = rpc("rent", HELD, [7, RENTER])
    logs = [item | {"address": "0x" + "11" * 20}, item | {"address": "0x" + "99" * 20}]
    placed, loose = decode_file(json.dumps(logs).encode(), markets, bind_everywhere(markets), chain)
    assert (placed.role, placed.verb, placed.lease_id) == ("r", "lease.patch", "7")
    assert (loose.role, loose.verb, loose.lease_id) == ("loose", "lease.patch", "7")
    assert json.loads(placed.fields)["price_scale"] == 9
    assert "price_scale" not in json.loads(loose.fields)
    assert {placed.chain_id, loose.chain_id} == {"" if chain is None else "5"}


def test_an_event_two_markets_could_have_emitted_is_nobodys(tmp_path):
    for name in ("m", "n"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "market.toml").write_text(PLACELESS.replace('id = "m"', f'id = "{name}"'))
    markets = load_checked([tmp_path])
    item = rpc("rent", HELD, [7, RENTER]) | {"address": "0x" + "99" * 20}
    (row,) = decode_file(json.dumps([item]).encode(), markets, bind_everywhere(markets))
    assert (row.verb, "no market's contract" in row.reason) == ("", True)


def test_the_answer_of_a_node_may_be_given_whole():
    markets = built_in()
    text = json.dumps({"jsonrpc": "2.0", "id": 1, "result": [rpc("staking", GPU, ["m", "x"])]}).encode()
    assert [row.verb for row in decode_file(text, markets, bind(markets, local_config()), LOCAL)] == ["capacity.upsert"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "not JSON"),
        (b"{}", "not a JSON array"),
        (b"[" * 100_000, "not JSON"),
        (b"[7]", "log 1 of the file: is no object"),
        (b'[{"address":"0x12"}]', "address is no 20 bytes"),
        (b'[{"address":"0x' + b"11" * 20 + b'","topics":7}]', "topics are no array"),
        (b'[{"address":"0x' + b"11" * 20 + b'","topics":["0x12"]}]', "topic is no 32 bytes"),
        (b'[{"address":"0x' + b"11" * 20 + b'","topics":[],"data":"zz"}]', "data is no hex text"),
        (
            b'[{"address":"0x' + b"11" * 20 + b'","topics":[],"data":"0x","blockNumber":"0xzz"}]',
            "blockNumber is no number",
        ),
        (b'[{"address":"0x' + b"11" * 20 + b'","topics":[],"logIndex":-1}]', "logIndex is no number"),
        (b'["\xff"]', "not JSON"),
    ],
)
def test_a_file_that_is_no_array_of_logs_is_refused(text, what):
    markets = built_in()
    with pytest.raises(InputError, match=what) as caught:
        decode_file(text, markets, bind_everywhere(markets))
    assert caught.value.hint


def test_an_empty_array_gives_no_rows():
    assert rows_of([]) == []


def test_a_log_that_a_filter_passes_over_still_names_its_market_and_event():
    flow = (
        "FlowUpdated(address indexed token, address indexed sender, address indexed receiver, int96 flowRate,"
        " int256 totalSenderFlowRate, int256 totalReceiverFlowRate, bytes userData)"
    )
    item = rpc("rent", flow, [PROVIDER, RENTER, PROVIDER, 1, 1, 1, b""])
    markets = built_in()
    item |= {"address": next(x.address for x in markets["aleph_superfluid"].deployments if x.chain == 8453)}
    (row,) = decode_file(json.dumps([item]).encode(), markets, bind_everywhere(markets), 8453)
    assert (row.market, row.event, row.verb, row.reason) == ("aleph_superfluid", "FlowUpdated", "ignore", "")
