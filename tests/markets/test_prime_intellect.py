"""Prime Intellect: nodes in a pool are leases of the pool's creator."""

from __future__ import annotations

import pytest

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

NODE, OTHER = b"\x01" * 20, b"\x02" * 20
CREATED = declared("prime_intellect", "ComputePoolCreated")
OLD = declared("prime_intellect", "ComputePoolCreated", 1)
JOINED = declared("prime_intellect", "ComputePoolJoined")
LEFT = declared("prime_intellect", "ComputePoolLeft")
EJECTED = declared("prime_intellect", "ComputePoolNodeEjected")
PURGED, ENDED = (
    declared("prime_intellect", "ComputePoolPurgedProvider"),
    declared("prime_intellect", "ComputePoolEnded"),
)
ADDED = declared("prime_intellect", "ComputeNodeAdded")


@pytest.mark.node
async def test_a_pool_two_nodes_and_their_ends_come_back_as_two_leases():
    async with Theatre("prime_intellect", ["network", "pool"]) as play:
        await play.tx(("network", ADDED, [PROVIDER, NODE, "ipfs://specs"]))
        await play.tx(("pool", CREATED, [3, 1, RENTER, RENTER, 10, "ipfs://pool"]))
        await play.tx(("pool", JOINED, [3, PROVIDER, [NODE, OTHER]]), seconds=100)
        await play.tx(("pool", LEFT, [3, PROVIDER, NODE]), seconds=400)
        await play.tx(("pool", EJECTED, [3, PROVIDER, OTHER]), seconds=500)
        leases = {row["machine_id"].lower(): row for row in (await play.leases()).values() if "machine_id" in row}
    first, second = leases["0x" + NODE.hex()], leases["0x" + OTHER.hex()]
    for lease in (first, second):
        assert (lease["renter"], lease["provider"], lease["order_id"]) == (RENTER, PROVIDER, "3")
        assert (lease["opened_at"], lease["status"]) == (START + 100, "closed")
        assert (lease["resource_provenance"], lease["region_provenance"]) == ("offchain", "none")
        assert "gpu_raw" not in lease
    assert (first["closed_at"], first["close_reason"]) == (START + 400, "provider")
    assert (second["closed_at"], second["close_reason"]) == (START + 500, "user")


@pytest.mark.node
async def test_a_purge_takes_the_nodes_that_still_stand_there_and_an_end_all_others():
    third = b"\x03" * 20
    async with Theatre("prime_intellect", ["pool"]) as play:
        await play.tx(("pool", CREATED, [3, 1, RENTER, RENTER, 10, "ipfs://pool"]))
        await play.tx(("pool", JOINED, [3, PROVIDER, [NODE, OTHER]]), ("pool", JOINED, [3, RENTER, [third]]))
        await play.tx(("pool", LEFT, [3, PROVIDER, NODE]), seconds=100)
        await play.tx(("pool", PURGED, [3, PROVIDER]), seconds=200)
        await play.tx(("pool", ENDED, [3]), seconds=300)
        ends = {row["machine_id"].lower(): row["closed_at"] - START for row in (await play.leases()).values()}
    assert ends == {"0x" + node.hex(): at for node, at in ((NODE, 100), (OTHER, 200), (third, 300))}


def test_the_older_layout_of_a_pool_is_read_too():
    chain = Chain()
    for number, (text, more) in enumerate([(OLD, []), (CREATED, [RENTER, 1, "uri"])]):
        chain.tx(("prime_intellect", "pool", text, [number, 0, RENTER, *more]))
    orders = by_verb(chain.decoded().events, "order.open")
    assert [(row["lease_id"], row["renter"]) for row in orders] == [("0", RENTER), ("1", RENTER)]


def test_specs_behind_a_uri_give_no_gpu():
    chain = Chain()
    chain.tx(("prime_intellect", "network", ADDED, [PROVIDER, NODE, "ipfs://h100"]))
    (machine,) = by_verb(chain.decoded().events, "capacity.upsert")
    assert (machine["resource_provenance"], machine["region_provenance"], machine["name"]) == (
        "offchain",
        "none",
        "ipfs://h100",
    )
    assert "gpu_raw" not in machine
