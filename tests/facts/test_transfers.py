from typing import Any

import polars as pl
import pytest

from monitor.facts.transfers import appended, transfers
from monitor.model.schema import QUARANTINE, TRANSFERS
from tests.facts.rows import USDC, native, native_tx, time_of, token_log, token_logs, tx, who


def test_token_and_native_transfers_in_chain_order():
    moved, refused = transfers(
        token_logs(token_log(who(1), who(2), 10**37, block=7, log=3), token_log(who(2), who(3), 0, block=2)),
        native(native_tx(who(9), who(1), 10**18, block=2, nonce=4), native_tx(who(9), b"", 0, block=8, nonce=5)),
    )
    assert dict(moved.schema) == TRANSFERS
    assert dict(refused.schema) == QUARANTINE
    assert refused.is_empty()
    assert moved["kind"].to_list() == ["native", "erc20", "erc20", "native"]
    assert moved.row(2) == (1, 7, time_of(7), tx(7003), 3, "erc20", USDC, who(1), who(2), 10**37, None)
    assert moved["recipient"].to_list()[3] is None
    assert moved["nonce"].to_list() == [4, None, None, 5]


def test_new_transfers_stand_above_the_old_ones_of_their_chain():
    places = [(chain, block, log) for chain in (1, 2, 3) for block in (1, 2, 5, 6) for log in (0, 1)]
    names = ("chain_id", "block_number", "log_index")
    rows = [dict.fromkeys(TRANSFERS) | dict(zip(names, place, strict=True)) for place in places]
    whole = pl.DataFrame(rows, schema=TRANSFERS)
    old = whole.filter((pl.col("block_number") < 5) & (pl.col("chain_id") != 3))
    new = whole.filter((pl.col("block_number") >= 5) & (pl.col("chain_id") != 1))
    both = whole.join(pl.concat([old, new]), on=names, how="semi", maintain_order="left")
    assert appended(old, new).equals(both)
    assert appended(old.clear(), new).equals(new)
    assert appended(old, new.clear()).equals(old)


BAD: dict[str, dict[str, Any]] = {
    "four topics": {"topics": [token_log(who(1), who(2), 1, block=1)["topics"][0], bytes(32), bytes(32), bytes(32)]},
    "without indexed": {"topics": [token_log(who(1), who(2), 1, block=1)["topics"][0]]},
    "not addresses": {"topics": [token_log(who(1), who(2), 1, block=1)["topics"][0], b"\xff" * 32, bytes(32)]},
    "not one word": {"data": b"\x01"},
    "does not fit": {"data": b"\xff" * 32},
}


@pytest.mark.parametrize("reason", BAD)
def test_what_is_no_transfer_goes_to_quarantine(reason):
    good = token_log(who(1), who(2), 5, block=1)
    moved, refused = transfers(token_logs(good, token_log(who(1), who(2), 5, block=2, **BAD[reason])), native())
    assert moved["amount"].to_list() == [5]
    assert reason in refused.row(0, named=True)["reason"]


@pytest.mark.parametrize(("amount", "fits"), [(10**38 - 1, True), (10**38, False), (2**127, False), (2**128, False)])
def test_amount_limit_is_exact(amount, fits):
    moved, refused = transfers(token_logs(token_log(who(1), who(2), amount, block=1)), native())
    assert moved["amount"].to_list() == ([amount] if fits else [])
    assert len(refused) == (not fits)


def test_other_events_of_the_token_are_passed_over():
    approval = token_log(who(1), who(2), 5, block=1, topics=[b"\x8c" * 32, bytes(32), bytes(32)])
    moved, refused = transfers(token_logs(approval, token_log(who(1), who(2), 5, block=2, topics=[])), native())
    assert moved.is_empty()
    assert refused.is_empty()
