"""Proxies, beacons and diamonds: what changed a contract's code is said of logs that cannot be read since."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from monitor.markets.decode import Decoded, decode_logs, find_children
from monitor.markets.lint import check
from monitor.markets.load import Bound, load_markets
from monitor.markets.standards import BEACON, UPGRADED
from monitor.markets.upgrades import remarked, upgrades
from tests.markets.chain_of_logs import encoded
from tests.markets.test_lint import GOOD, HEAD, written

CONTRACT, OTHER, FIRST, SECOND, THIRD = (bytes([n]) * 20 for n in (0x11, 0x22, 0x41, 0x42, 0x43))
BEFORE = int(datetime(2026, 11, 22, 23, 59, tzinfo=UTC).timestamp())
AFTER = BEFORE + 60
OPENED = "Opened(uint256 id, address renter, address provider, uint256 fee, string note, uint8[] list)"
NAMED = "Upgraded(address indexed implementation)"
ADMIN = "AdminChanged(address previousAdmin, address newAdmin)"
CUT = "DiamondCut((address facet, uint8 action, bytes4[] selectors)[] cuts, address init, bytes data)"
BY_BEACON = "BeaconUpgraded(address indexed beacon)"
STRANGE = "Strange(uint256 of)"
USUAL = (OPENED, [1, OTHER, OTHER, 5, "", []])
Told = tuple[int, int, bytes, str, list[Any]]


def frame(*logs: Told, since: int = 1000) -> pl.DataFrame:
    """Give logs of blocks; those from block `since` on are later than the adapter's last verification."""
    rows = []
    for block, index, address, text, values in logs:
        topics, data = encoded(text, values)
        time = AFTER + block if block >= since else BEFORE - 1000 + block
        rows.append(
            {"chain_id": 1, "block_number": block, "block_time": time, "log_index": index, "address": address}
            | {"topics": topics, "data": data, "tx_hash": block.to_bytes(32, "big"), "block_hash": b"", "tx_index": 0}
        )
    return pl.DataFrame(rows, schema_overrides={"topics": pl.List(pl.Binary)})


class Seen:
    """What a market of one contract makes of logs."""

    def __init__(self, tmp_path: Path, logs: pl.DataFrame) -> None:
        written(tmp_path, HEAD + GOOD)
        self.markets = load_markets([tmp_path])
        bound = (Bound(1, "m", "r", CONTRACT, 0, None, None, None),)
        self.children = find_children(logs, self.markets, bound)
        self.decoded: Decoded = decode_logs(logs, self.markets, bound)
        self.upgrades = upgrades(self.decoded.events, self.decoded.quarantine, self.markets)
        self.reasons = remarked(self.decoded.quarantine, self.upgrades)["reason"].to_list()


def test_a_log_that_cannot_be_read_after_an_upgrade_says_so(tmp_path):
    told = Seen(
        tmp_path,
        frame((1, 0, CONTRACT, *USUAL), (5, 3, CONTRACT, NAMED, [FIRST]), (6, 0, CONTRACT, STRANGE, [1])),
    )
    (reason,) = told.reasons
    assert reason.startswith("unknown event 0x")
    tx = (5).to_bytes(32, "big").hex()
    assert reason.endswith(f"; the contract was upgraded in block 5 (tx 0x{tx}, log 3); its layout may have changed")


def test_an_upgrade_after_the_last_verification_is_named_as_such(tmp_path):
    told = Seen(
        tmp_path,
        frame((1, 0, CONTRACT, *USUAL), (2, 0, CONTRACT, NAMED, [FIRST]), (9, 0, CONTRACT, NAMED, [SECOND]),
              (9, 1, CONTRACT, STRANGE, [1]), since=9),
    )  # fmt: skip
    assert "in block 9 (" in told.reasons[0]
    assert ", after this adapter was last verified on 2026-11-22; its layout may have changed" in told.reasons[0]
    assert told.upgrades.select("block_number", "detail", "changed", "unseen").rows() == [
        (2, "0x" + FIRST.hex(), True, False),
        (9, "0x" + SECOND.hex(), True, True),
    ]


def test_what_stands_before_an_upgrade_or_at_another_contract_is_not_laid_to_it(tmp_path):
    told = Seen(
        tmp_path,
        frame((1, 0, CONTRACT, STRANGE, [1]), (5, 3, CONTRACT, NAMED, [FIRST]), (5, 2, CONTRACT, STRANGE, [1])),
    )
    assert [reason for reason in told.reasons if "upgraded" in reason] == []


def test_the_first_code_of_a_contract_is_no_upgrade_unless_it_came_after_the_verification(tmp_path):
    logs: list[Told] = [
        (1, 0, CONTRACT, NAMED, [FIRST]),
        (1, 1, CONTRACT, ADMIN, [OTHER, SECOND]),
        (2, 0, CONTRACT, STRANGE, [1]),
    ]
    early = Seen(tmp_path, frame(*logs))
    assert early.upgrades["changed"].to_list() == [False, False]
    assert "upgraded" not in early.reasons[0]
    late = Seen(tmp_path, frame(*logs, since=1))
    assert late.upgrades["changed"].to_list() == [True, False]
    assert "upgraded in block 1" in late.reasons[0]


@pytest.mark.parametrize(
    ("text", "values", "detail"),
    [
        (NAMED, [SECOND], SECOND),
        (BY_BEACON, [THIRD], THIRD),
        (CUT, [[(FIRST, 0, [b"\1\2\3\4"])], OTHER, b""], CONTRACT),
        (ADMIN, [OTHER, FIRST], FIRST),
    ],
)
def test_standard_events_are_read_although_no_adapter_declares_them(tmp_path, text, values, detail):
    told = Seen(tmp_path, frame((1, 0, CONTRACT, *USUAL), (2, 0, CONTRACT, text, values)))
    assert told.decoded.quarantine.is_empty()
    assert told.upgrades["detail"].str.to_lowercase().to_list() == ["0x" + detail.hex()]
    assert told.upgrades["changed"].to_list() == [text != ADMIN]


def test_a_beacon_is_watched_for_upgrades_alone_and_they_count_for_its_proxies(tmp_path):
    told = Seen(
        tmp_path,
        frame(
            (1, 0, CONTRACT, BY_BEACON, [THIRD]), (2, 0, CONTRACT, *USUAL),
            (3, 0, THIRD, NAMED, [SECOND]), (3, 1, THIRD, STRANGE, [1]), (4, 0, CONTRACT, STRANGE, [1]),
        ),
    )  # fmt: skip
    (beacon,) = told.children
    assert (beacon.address, beacon.role, beacon.from_block) == (THIRD, BEACON, 1)
    assert beacon.only == (((UPGRADED.topic0,),),)
    (reason,) = told.reasons
    assert "the contract was upgraded in block 3" in reason
    at = told.upgrades.filter(pl.col("block_number") == 3).select("contract", "role", "changed").rows()
    assert sorted(at) == sorted([(CONTRACT, "r", True), (THIRD, BEACON, False)])


def test_upgrades_do_not_depend_on_the_order_of_logs(tmp_path):
    logs = [(n, 0, CONTRACT, NAMED, [bytes([n]) * 20]) for n in range(1, 5)] + [(6, 0, CONTRACT, STRANGE, [1])]
    one, other = Seen(tmp_path, frame(*logs)), Seen(tmp_path, frame(*reversed(logs)))
    assert one.upgrades.equals(other.upgrades)
    assert one.reasons == other.reasons


def test_an_adapter_cannot_hide_an_upgrade(tmp_path):
    ignored = f'\n[[event]]\nrole = "r"\ndecl = ["{STRANGE}", "{NAMED}"]\nverb = "ignore"\n'
    path = written(tmp_path, HEAD + GOOD + ignored)
    (problem,) = check(load_markets([tmp_path]))
    assert problem.message == "Upgraded marks an upgrade: it is read anyway, leave it out"
    taken = f'\n[[event]]\nrole = "{BEACON}"\ndecl = "{STRANGE}"\nverb = "ignore"\n'
    path.write_text((HEAD + GOOD + taken).replace('"fixed_end"', f'"fixed_end"\nundeployed = ["{BEACON}"]'))
    (problem,) = check(load_markets([tmp_path]))
    assert "is that of the beacons" in problem.message
