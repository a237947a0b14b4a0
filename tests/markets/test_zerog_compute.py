"""0G Compute: machines that say whether they are taken, and fees of accounts; no leases."""

from __future__ import annotations

import pytest

from monitor.facts.capacity import capacity
from monitor.markets.decode import find_children
from monitor.markets.load import bind
from monitor.markets.standards import BEACON
from monitor.markets.upgrades import upgrades
from monitor.model.schema import HARDWARE, empty
from monitor.views.format import address
from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, Chain, built_in, by_verb, declared, local_config
from tests.markets.theatre import Theatre

M = "zerog_compute"
SERVICE, OLD_SERVICE, INFERENCE, OLD_INFERENCE, SANDBOX = (declared(M, "ServiceUpdated", place) for place in range(5))
SETTLED = declared(M, "FeesSettled")
BATCH = declared(M, "BatchBalanceUpdated")
BALANCE = declared(M, "BalanceUpdated")
DEPOSITED = declared(M, "Deposited")
QUOTA = (32, 256, 8, 2000, "H100")


@pytest.mark.node
async def test_a_machine_is_taken_and_freed_and_fees_open_no_lease():
    async with Theatre(M, ["finetuning"]) as play:
        for occupied in (False, True):
            await play.tx(("finetuning", SERVICE, [PROVIDER, "https://p", QUOTA, 100, PAYER, occupied]))
        await play.tx(("finetuning", SETTLED, [RENTER, PROVIDER, "d1", 77, True, 1]))
        decoded = await play.decoded()
        assert await play.leases() == {}
    (machine,) = capacity(decoded.events, empty(HARDWARE)).to_dicts()
    assert (machine["gpu_raw"], machine["gpu_count"], machine["state"]) == ("H100", 8, "occupied")
    (paid,) = by_verb(decoded.events, "lease.settle")
    assert (paid["payer"], paid["provider"], paid["amount"], paid["name"]) == (RENTER, PROVIDER, 77, "d1")


def test_all_five_layouts_of_a_service_are_read():
    chain = Chain()
    text = ["chatbot", "https://p", 1, 2, 3, "model", "TeeML"]
    chain.tx(
        (M, "finetuning", SERVICE, [PROVIDER, "https://p", QUOTA, 100, PAYER, True]),
        (M, "finetuning", OLD_SERVICE, [PROVIDER, b"\x01" * 32, "https://p", QUOTA, 100, PAYER, False]),
        (M, "inference", INFERENCE, [PROVIDER, *text]),
        (M, "inference", OLD_INFERENCE, [PROVIDER, b"\x01" * 32, *text]),
        (M, "sandbox", SANDBOX, [PROVIDER, "https://p", PAYER, 1]),
    )
    offers = by_verb(chain.decoded().events, "capacity.upsert")
    assert [(row["provider"], row["endpoint"]) for row in offers] == [(PROVIDER, "https://p")] * 5
    assert [row.get("state") for row in offers] == ["occupied", "free", None, None, None]
    assert [row["resource_provenance"] for row in offers] == ["event", "event", "none", "none", "none"]


def test_a_beacon_that_a_service_names_is_watched_and_its_upgrade_is_the_services():
    beacon, code = b"\xbe" * 20, b"\xc0" * 20
    chain = Chain()
    chain.tx((M, "finetuning", "BeaconUpgraded(address indexed beacon)", [beacon]))
    chain.tx((M, "finetuning", SERVICE, [PROVIDER, "https://p", QUOTA, 100, PAYER, True]))
    chain.tx((M, "finetuning", "Upgraded(address indexed implementation)", [code]))
    chain.rows[-1]["address"] = beacon
    decoded = chain.decoded()
    (found,) = find_children(chain.logs(), built_in(), bind(built_in(), local_config()))
    assert (found.address, found.role) == (beacon, BEACON)
    assert decoded.quarantine.is_empty()
    changes = upgrades(decoded.events, decoded.quarantine, built_in()).filter("changed")
    assert changes.select("role", "detail").rows() == [("finetuning", address(code))]


def test_a_batch_gives_one_balance_for_each_user_and_an_empty_one_none():
    chain = Chain()
    chain.tx((M, "inference", BATCH, [[RENTER, PAYER], [5, 6], [0, 0]]), (M, "inference", BATCH, [[], [], []]))
    decoded = chain.decoded()
    assert [(row["renter"], row["balance"]) for row in by_verb(decoded.events, "lease.patch")] == [
        (RENTER, 5),
        (PAYER, 6),
    ]
    assert decoded.quarantine.is_empty()


def test_a_balance_is_what_is_left_and_moves_no_money():
    chain = Chain()
    chain.tx((M, "inference", BALANCE, [RENTER, PROVIDER, 9, 0]))
    (row,) = by_verb(chain.decoded().events, "lease.patch")
    assert row["balance"] == 9
    assert "amount" not in row


def test_who_pays_into_a_sandbox_is_told_apart_from_whom_it_is_for():
    chain = Chain()
    chain.tx((M, "sandbox", DEPOSITED, [RENTER, PROVIDER, PAYER, 9]))
    (row,) = by_verb(chain.decoded().events, "lease.deposit")
    assert (row["renter"], row["payer"], row["amount"]) == (RENTER, PAYER, 9)


def test_a_machine_without_a_gpu_says_none():
    chain = Chain()
    chain.tx((M, "finetuning", SERVICE, [PROVIDER, "u", (1, 1, 0, 1, ""), 1, PAYER, False]))
    (row,) = by_verb(chain.decoded().events, "capacity.upsert")
    assert (row["resource_provenance"], row["gpu_count"]) == ("none", 0)
    assert "gpu_raw" not in row
