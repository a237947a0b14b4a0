"""Feeds: payments, collateral and capacity are read, and no lease is invented from them."""

from __future__ import annotations

import pytest

from monitor.abi import parse_event
from monitor.config import Config
from monitor.markets.load import bind
from tests.markets.chain_of_logs import PAYER, PROVIDER, RENTER, Chain, built_in, by_verb, declared
from tests.markets.theatre import Theatre

TRANSFER = declared("golem", "Transfer")
TICKET = declared("livepeer", "WinningTicketRedeemed")
TICKET_TRANSFER = declared("livepeer", "WinningTicketTransfer")
WITHDRAWAL = declared("livepeer", "Withdrawal")
LIUM_DEPOSIT = declared("bittensor_collateral", "Deposit")
LIUM_SLASHED = declared("bittensor_collateral", "Slashed")
LIUM_RECLAIMED = declared("bittensor_collateral", "Reclaimed")
HORDE_DEPOSIT = declared("bittensor_collateral", "Deposit", 1)
HORDE_SLASHED = declared("bittensor_collateral", "Slashed", 1)
BIND = declared("edge_matrix", "Bind")
STAKED = declared("edge_matrix", "Deposited")
STAKED_V6 = declared("edge_matrix", "Deposited", 1)
BURNED = declared("edge_matrix", "ConsumptionBurned")
EXECUTOR = bytes(range(16))
NODE = "16Uiu2HAm"


@pytest.mark.node
@pytest.mark.parametrize(
    ("market", "logs", "verbs"),
    [
        ("golem", [("glm", TRANSFER, [RENTER, PROVIDER, 5])], ["lease.settle"]),
        (
            "livepeer",
            [("tickets", TICKET, [RENTER, PROVIDER, 10**18, 1, 1, 1, b""]), ("tickets", WITHDRAWAL, [RENTER, 2, 3])],
            ["lease.settle", "lease.withdraw"],
        ),
        (
            "bittensor_collateral",
            [
                ("lium", LIUM_DEPOSIT, [EXECUTOR, PROVIDER, 10**18]),
                ("lium", LIUM_SLASHED, [EXECUTOR, PROVIDER, 5, "https://proof", bytes(16)]),
                ("lium", LIUM_RECLAIMED, [1, EXECUTOR, PROVIDER, 5]),
                ("compute_horde", HORDE_DEPOSIT, [PROVIDER, 7]),
                ("compute_horde", HORDE_SLASHED, [PROVIDER, 7, "https://proof", bytes(16)]),
            ],
            ["capacity.upsert", "lease.slash", "capacity.remove", "provider.upsert", "lease.slash"],
        ),
        (
            "edge_matrix",
            [
                ("stake", BIND, [PROVIDER, NODE]),
                ("stake", STAKED, [PROVIDER, 9, NODE]),
                ("stake", STAKED_V6, [PROVIDER, 9, NODE, 2]),
                ("consumption", BURNED, [RENTER, 4, "123-456-789"]),
            ],
            ["capacity.upsert", "capacity.upsert", "capacity.upsert", "lease.settle"],
        ),
    ],
)
async def test_a_feed_played_on_a_node_moves_money_and_opens_no_lease(market, logs, verbs):
    async with Theatre(market, sorted({role for role, *_ in logs})) as play:
        await play.tx(*logs)
        decoded = await play.decoded()
        assert await play.leases() == {}
    assert decoded.events["verb"].to_list() == verbs


def test_a_golem_transfer_is_payer_and_payee_but_minting_pays_nobody():
    chain = Chain()
    chain.tx(("golem", "glm", TRANSFER, [RENTER, PROVIDER, 5]), ("golem", "glm", TRANSFER, [bytes(20), RENTER, 5]))
    decoded = chain.decoded()
    (paid,) = by_verb(decoded.events, "lease.settle")
    assert (paid["payer"], paid["provider"], paid["amount"]) == (RENTER, PROVIDER, 5)
    assert decoded.quarantine.is_empty()


def test_a_golem_batch_is_paid_by_who_filled_it_and_its_first_hop_pays_nobody():
    batch = bytes.fromhex("50100d4faf5f3b09987dea36dc2eddd57a3e561b")
    chain = Chain()
    chain.tx(
        ("golem", "glm", TRANSFER, [RENTER, batch, 8]),
        ("golem", "glm", TRANSFER, [batch, PROVIDER, 5]),
        ("golem", "glm", TRANSFER, [batch, PAYER, 3]),
    )
    chain.tx(("golem", "glm", TRANSFER, [batch, PROVIDER, 1]))
    first, second, lone = by_verb(chain.decoded().events, "lease.settle")
    assert [(row["payer"], row["provider"], row["amount"]) for row in (first, second)] == [
        (RENTER, PROVIDER, 5),
        (RENTER, PAYER, 3),
    ]
    assert "payer" not in lone, "nobody is known to have filled it"


def test_of_golems_token_only_batches_are_asked_for():
    polygon = Config.model_validate({"chains": {"polygon": {"id": 137, "rpc": ["http://x"]}}})
    (glm,) = [item for item in bind(built_in(), polygon) if item.market == "golem"]
    batch = bytes.fromhex("50100d4faf5f3b09987dea36dc2eddd57a3e561b").rjust(32, b"\0")
    transfer = (parse_event(TRANSFER).topic0,)
    assert {topics for topics in glm.only if len(topics) > 1} == {(transfer, (batch,)), (transfer, None, (batch,))}


def test_golem_deposit_ids_wider_than_any_amount_are_kept_exactly():
    number = int.from_bytes(PAYER, "big") << 96 | 7
    chain = Chain()
    moved = "DepositTransfer(uint256 indexed id, address spender, address recipient, uint128 amount)"
    chain.tx(("golem", "deposits", moved, [number, RENTER, PROVIDER, 4]))
    (paid,) = by_verb(chain.decoded().events, "lease.settle")
    assert (paid["lease_id"], paid["actor"], paid["amount"]) == (str(number), RENTER, 4)


def test_a_livepeer_ticket_is_counted_once():
    chain = Chain()
    chain.tx(
        ("livepeer", "tickets", TICKET_TRANSFER, [RENTER, PROVIDER, 10**18]),
        ("livepeer", "tickets", TICKET, [RENTER, PROVIDER, 10**18, 1, 1, 1, b""]),
    )
    assert [row["amount"] for row in by_verb(chain.decoded().events, "lease.settle")] == [10**18]


def test_a_lium_executor_is_known_by_its_uuid_and_its_gpu_is_not():
    chain = Chain()
    chain.tx(("bittensor_collateral", "lium", LIUM_DEPOSIT, [EXECUTOR, PROVIDER, 5]))
    (machine,) = by_verb(chain.decoded().events, "capacity.upsert")
    assert (machine["machine_id"], machine["resource_provenance"]) == ("0x" + EXECUTOR.hex(), "offchain")
    assert "gpu_raw" not in machine


def test_compute_horde_is_read_at_any_contract_and_each_speaks_for_itself():
    bittensor = Config.model_validate({"chains": {"bittensor": {"id": 964, "rpc": ["http://x"]}}})
    bound = [item for item in bind(built_in(), bittensor) if item.role == "compute_horde"]
    assert [(item.address, len(item.only)) for item in bound] == [(b"", 1)]
    chain = Chain()
    chain.tx(
        ("bittensor_collateral", "compute_horde", HORDE_SLASHED, [PROVIDER, 7, "https://proof", bytes(16)]),
        ("bittensor_collateral", "compute_horde", HORDE_SLASHED, [PROVIDER, 8, "https://proof", bytes(16)]),
        ("bittensor_collateral", "compute_horde", HORDE_DEPOSIT, [PROVIDER, 7]),
    )
    for row, validator in zip(chain.rows, (b"\x01" * 20, b"\x02" * 20, b"\x03" * 20), strict=True):
        row |= {"chain_id": 964, "address": validator}
    decoded = chain.decoded(tuple(bound))
    slashes = by_verb(decoded.events, "lease.slash")
    assert [(row["provider"], row["amount"]) for row in slashes] == [(PROVIDER, 7), (PROVIDER, 8)]
    assert len({row["lease_id"] for row in slashes}) == 2
    assert decoded.quarantine.is_empty()
    assert decoded.events.height == 2, "a deposit is an event of half the chain"


def test_both_layouts_of_an_edge_matrix_deposit_are_told_apart():
    chain = Chain()
    chain.tx(
        ("edge_matrix", "stake", STAKED, [PROVIDER, 9, NODE]),
        ("edge_matrix", "stake", STAKED_V6, [PROVIDER, 8, NODE, 2]),
    )
    assert [row["amount"] for row in by_verb(chain.decoded().events, "capacity.upsert")] == [9, 8]


def test_a_memo_of_burnt_credits_is_a_name_and_no_order():
    chain = Chain()
    chain.tx(("edge_matrix", "consumption", BURNED, [RENTER, 4, "123-456-789"]))
    (burnt,) = by_verb(chain.decoded().events, "lease.settle")
    assert (burnt["name"], burnt["payer"]) == ("123-456-789", RENTER)
    assert "order_id" not in burnt
