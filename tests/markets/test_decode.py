"""Replays: what a chain of logs of each market means."""

from __future__ import annotations

from typing import Any

import polars as pl
from eth_abi.abi import encode
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st

from monitor.abi import parse_event
from monitor.markets.decode import LOGS, Decoded, decode_logs
from monitor.markets.load import bind
from monitor.model.schema import EVENTS, QUARANTINE
from tests.markets.chain_of_logs import (
    LOCAL,
    PAYER,
    PROVIDER,
    RENTER,
    START,
    TOKEN,
    Chain,
    built_in,
    by_verb,
    declared,
    encoded,
    given,
    local_config,
)

MACHINE = b"\x77" * 32
RENT = (
    "RentMachine(address indexed machineOnwer, uint256 rentId, string machineId, "
    "uint256 rentEndTime, address renter, uint256 rentFee)"
)
FEE = "RentFee(uint256 rentId, address renter, uint256 baseRentFee, uint256 extraRentFee, uint256 platformFee)"
PAID = "PayToContractOnRent(uint256 rentId, address renter, uint256 totalRentFee)"
RENEW = (
    "RenewRent(address indexed machineOnwer, string machineId, uint256 rentId, "
    "uint256 additionalRentSeconds, uint256 additionalRentFee, address renter)"
)
END = "EndRentMachine(address machineOnwer, uint256 rentId, string machineId, uint256 rentEndTime, address renter)"
SLASH = (
    "SlashMachineOnOffline(address indexed stakeHolder, string machineId, "
    "address indexed renter, uint256 slashAmount, uint256 rentStartAt, uint256 rentEndAt, "
    "uint8 slashType)"
)
STAKED = (
    "Staked(address indexed stakeholder, string machineId, uint256 originCalcPoint, "
    "uint256 calcPoint, uint256 stakeHours)"
)
GPU = "StakedGPUType(string machineId, string gpuType)"
EXTRA = "ExtraRentFeeTransfer(address indexed machineOnwer, uint256 rentId, uint256 amount)"
OPENED = (
    "JobOpened(bytes32 indexed job, string metadata, address indexed owner, "
    "address indexed provider, uint256 rate, uint256 balance, uint256 timestamp)"
)
UPDATE = (
    "OrderUpdateRequested(uint64 _orderId, address user, uint256 maxPrice, uint64 numOfBlocks, "
    "address token, string specs, uint16 version, uint8 mode)"
)
SPEC = "{n:x,pr:{a:[{k:region,v:eu-west}]},s:[{n:a,r:{g:{a:[{k:vendor/nvidia/model/h200,v:true}],u:4}},c:2}]}"


def deeplink(chain: Chain, rent_id: int = 9) -> None:
    chain.tx(
        ("deeplink_dbc", "staking", GPU, ["m1", "NVIDIA H100"]),
        ("deeplink_dbc", "staking", STAKED, [PROVIDER, "m1", 1, 1, 1]),
    )
    chain.tx(
        ("deeplink_dbc", "rent", PAID, [rent_id, PAYER, 550]),
        ("deeplink_dbc", "rent", FEE, [rent_id, PAYER, 500, 0, 50]),
        ("deeplink_dbc", "rent", RENT, [PROVIDER, rent_id, "m1", START + 3600, RENTER, 500]),
    )


def test_the_reference_market_from_token_to_close():
    chain = Chain()
    m = ("reference", "market")
    chain.tx((*m, "PaymentTokenSet(address indexed token, uint8 decimals)", [TOKEN, 6]))
    chain.tx(
        (
            *m,
            "ProviderRegistered(address indexed provider, string region, bytes32 endpointHash)",
            [PROVIDER, "SG", bytes(32)],
        )
    )
    offered = (
        "MachineOffered(bytes32 indexed machineId, address indexed provider, string gpuModel, "
        "uint32 gpuCount, uint256 pricePerHour)"
    )
    chain.tx((*m, offered, [MACHINE, PROVIDER, "H100 SXM", 8, 20_000_000]))
    opened = (
        "LeaseOpened(uint256 indexed leaseId, bytes32 indexed machineId, address indexed renter, "
        "address provider, address payer, uint32 gpuCount, uint256 pricePerHour, uint256 deposit, "
        "uint64 plannedEnd)"
    )
    chain.tx((*m, opened, [1, MACHINE, RENTER, PROVIDER, PAYER, 8, 20_000_000, 40_000_000, START + 7200]))
    chain.tx((*m, "LeaseRefunded(uint256 indexed leaseId, address indexed to, uint256 amount)", [1, PAYER, 5]))
    chain.tx((*m, "LeaseClosed(uint256 indexed leaseId, address indexed by, uint8 reason)", [1, PROVIDER, 1]))
    decoded = chain.decoded()
    assert decoded.quarantine.is_empty()
    assert dict(decoded.events.schema) == EVENTS
    (lease,) = by_verb(decoded.events, "lease.open")
    assert lease["lease_id"] == "1"
    assert (lease["renter"], lease["payer"], lease["provider"]) == (RENTER, PAYER, PROVIDER)
    assert (lease["gpu_raw"], lease["gpu_count"], lease["region_raw"]) == ("H100 SXM", 8, "SG")
    assert (lease["amount"], lease["price_amount"], lease["price_scale"]) == (40_000_000, 20_000_000, 6)
    assert (lease["token"], lease["machine_id"]) == (TOKEN, "0x" + MACHINE.hex())
    assert (lease["start"], lease["planned_end"]) == (START, START + 7200)
    (refund,) = by_verb(decoded.events, "lease.withdraw")
    assert (refund["beneficiary"], refund["amount"]) == (PAYER, 5)
    assert by_verb(decoded.events, "lease.close")[0]["reason"] == "provider"


def test_deeplink_names_gpu_owner_and_the_true_payer():
    chain = Chain()
    deeplink(chain)
    decoded = chain.decoded()
    (lease,) = by_verb(decoded.events, "lease.open")
    assert (lease["gpu_raw"], lease["resource_provenance"]) == ("NVIDIA H100", "registry_event")
    assert (lease["renter"], lease["amount"], lease["price_per"]) == (RENTER, 550, "job")
    (patch,) = by_verb(decoded.events, "lease.patch")
    assert (patch["lease_id"], patch["payer"]) == ("9", PAYER)


def test_a_renewal_paid_by_another_does_not_change_who_paid_the_rent():
    chain = Chain()
    deeplink(chain)
    other = b"\x0f" * 20
    chain.tx(
        ("deeplink_dbc", "rent", FEE, [9, other, 100, 0, 10]),
        ("deeplink_dbc", "rent", RENEW, [PROVIDER, "m1", 9, 600, 100, RENTER]),
    )
    decoded = chain.decoded()
    assert [row["payer"] for row in by_verb(decoded.events, "lease.patch")] == [PAYER]
    (extension,) = by_verb(decoded.events, "lease.extend")
    assert (extension["payer"], extension["extend_seconds"], extension["amount"]) == (other, 600, 100)


def test_money_at_a_close_goes_to_the_rent_that_ends_not_to_the_id_in_the_log():
    chain = Chain()
    deeplink(chain)
    chain.tx(
        ("deeplink_dbc", "rent", EXTRA, [PROVIDER, 44, 70]),
        ("deeplink_dbc", "rent", END, [PROVIDER, 9, "m1", START + 3600, RENTER]),
        seconds=60,
    )
    decoded = chain.decoded()
    (settled,) = by_verb(decoded.events, "lease.settle")
    assert (settled["lease_id"], settled["amount"]) == ("9", 70)
    (closed,) = by_verb(decoded.events, "lease.close")
    assert (closed["lease_id"], closed["reason"], closed["block_time"]) == ("9", "user", START + 60)


def test_a_slash_finds_its_rent_by_the_machine_and_closes_it():
    chain = Chain()
    deeplink(chain)
    chain.tx(
        ("deeplink_dbc", "rent", END, [PROVIDER, 9, "m1", START + 10, RENTER]),
        ("deeplink_dbc", "rent", SLASH, [PROVIDER, "m1", RENTER, 1000, START, START + 3600, 1]),
        seconds=10,
    )
    decoded = chain.decoded()
    (slash,) = by_verb(decoded.events, "lease.slash")
    assert (slash["lease_id"], slash["amount"]) == ("9", 1000)
    assert {row["reason"] for row in by_verb(decoded.events, "lease.close")} == {"slashed"}


def test_a_slash_of_an_unknown_machine_is_put_aside():
    chain = Chain()
    chain.tx(("deeplink_dbc", "rent", SLASH, [PROVIDER, "m1", RENTER, 1000, START, START + 3600, 1]))
    decoded = chain.decoded()
    assert decoded.events.is_empty()
    assert set(decoded.quarantine["reason"]) >= {
        "SlashMachineOnOffline: lease.slash has no key: nothing known yet in machine_rent"
    }


def test_historical_layouts_are_read():
    chain = Chain()
    chain.tx(("deeplink_dbc", "staking", STAKED, [PROVIDER, "m1", 1, 1, 1]))
    old = "RentMachine(uint256 rentId, string machineId, uint256 rentEndTime, uint8 gpuCount, address renter)"
    chain.tx(("deeplink_dbc", "rent", old, [3, "m1", START + 60, 2, RENTER]))
    ended = "EndRentMachine(uint256 rentId, string machineId, uint256 rentEndTime, uint8 gpuCount, address renter)"
    chain.tx(("deeplink_dbc", "rent", ended, [3, "m1", START + 60, 2, RENTER]), seconds=60)
    decoded = chain.decoded()
    (lease,) = by_verb(decoded.events, "lease.open")
    assert (lease["gpu_count"], lease["provider"], lease["renter"]) == (2, PROVIDER, RENTER)
    assert by_verb(decoded.events, "lease.close")[0]["reason"] == "expired"


def test_one_topic_with_another_indexed_layout_is_told_apart_by_the_contract():
    chain = Chain()
    ended = (
        "EndRentMachine(address indexed minerPayout, uint256 rentId, string machineId, "
        "uint256 rentEndTime, address renter)"
    )
    chain.tx(
        ("deeplink_dbc", "rent_dbc", ended, [PROVIDER, 9, "m1", START, RENTER]),
        ("deeplink_dbc", "rent", END, [PROVIDER, 9, "m1", START, RENTER]),
        ("deeplink_dbc", "rent", ended, [PROVIDER, 9, "m1", START, RENTER]),
    )
    decoded = chain.decoded()
    assert [row["lease_id"] for row in by_verb(decoded.events, "lease.close")] == ["dbc-9", "9"]
    assert decoded.quarantine["reason"].to_list() == ["unknown layout of EndRentMachine: 2 topics"]


def test_one_topic_at_three_markets_is_read_by_contract_and_number_of_topics():
    markets = {"marlin_oyster": "market", "deepsquare": "scheduler", "opengpu": "terminal"}
    texts = {market: declared(market, "ProviderRemoved") for market in markets}
    assert len({parse_event(text).topic0 for text in texts.values()}) == 1
    chain = Chain()
    chain.tx(*((market, role, texts[market], [PROVIDER]) for market, role in markets.items()))
    chain.tx(("marlin_oyster", "market", texts["opengpu"], [PROVIDER]))
    decoded = chain.decoded()
    assert {(row["market"], row["provider"]) for row in by_verb(decoded.events, "provider.remove")} == {
        (market, PROVIDER) for market in markets
    }
    assert decoded.quarantine["reason"].to_list() == ["unknown layout of ProviderRemoved: 1 topics"]


def test_a_marlin_job_in_both_layouts_of_its_metadata():
    metadata = '{"instance": "p5.48xlarge", "region": "ap-south-1", "name": "j"}'
    chain = Chain()
    for kind, value in (("string", metadata), ("bytes", metadata.encode())):
        chain.tx(
            ("marlin_oyster", "market", OPENED.replace("string", kind), [MACHINE, value, RENTER, PROVIDER, 5, 9, START])
        )
    leases = by_verb(chain.decoded().events, "lease.open")
    assert [(row["gpu_raw"], row["region_raw"], row["price_scale"]) for row in leases] == [
        ("p5.48xlarge", "ap-south-1", 18)
    ] * 2


def test_an_accepted_spheron_update_brings_what_was_asked_last_before_it():
    chain = Chain()
    for blocks, spec in ((50, "{n:old}"), (100, SPEC)):
        chain.tx(("spheron", "order", UPDATE, [7, RENTER, 1, blocks, TOKEN, spec, 1, 1]))
    chain.tx(
        (
            "spheron",
            "bid",
            "UpdateRequestAccepted(uint64 orderId, address providerAddress, address tenant)",
            [7, PROVIDER, RENTER],
        )
    )
    chain.tx(("spheron", "order", UPDATE, [7, RENTER, 1, 999, TOKEN, "{n:late}", 1, 1]))
    (patch,) = by_verb(chain.decoded().events, "lease.patch")
    assert (patch["gpu_raw"], patch["gpu_count"], patch["region_raw"]) == ("h200", 8, "eu-west")
    assert (patch["duration_seconds"], patch["planned_end"]) == (200, START + 200)


def test_tables_decoded_earlier_serve_later_batches():
    chain = Chain()
    deeplink(chain)
    logs, markets = chain.logs(), built_in()
    bound = bind(markets, local_config())
    first = decode_logs(logs.head(2), markets, bound)
    second = decode_logs(logs.slice(2), markets, bound, first.tables)
    whole = decode_logs(logs, markets, bound)
    assert pl.concat([first.events, second.events]).equals(whole.events)


@given_(st.randoms(use_true_random=False), st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_the_order_of_rows_does_not_matter(random, copies):
    chain = Chain()
    for rent in range(copies + 1):
        deeplink(chain, rent)
        chain.tx(
            ("deeplink_dbc", "rent", EXTRA, [PROVIDER, 44, 70]),
            ("deeplink_dbc", "rent", END, [PROVIDER, rent, "m1", START + 3600, RENTER]),
            ("deeplink_dbc", "rent", SLASH, [PROVIDER, "m1", RENTER, 1000, START, START + 3600, 1]),
            ("deeplink_dbc", "rent", FEE, [2**250, PAYER, 1, 1, 1]),
        )
    whole = chain.decoded()
    random.shuffle(chain.rows)
    mixed = chain.decoded()
    for name in ("events", "quarantine", "tables"):
        assert getattr(mixed, name).equals(getattr(whole, name))


def test_logs_of_other_contracts_are_passed_over_and_nothing_decodes_to_nothing():
    chain = Chain()
    deeplink(chain)
    markets = built_in()
    nothing = decode_logs(chain.logs(), markets, ())
    assert nothing.events.is_empty()
    assert nothing.quarantine.is_empty()
    none = decode_logs(pl.DataFrame(schema=LOGS), markets, bind(markets, local_config()))
    assert dict(none.events.schema) == EVENTS
    assert dict(none.quarantine.schema) == QUARANTINE


def hostile(market: str, role: str, text: str, values: list[Any]) -> Decoded:
    chain = Chain()
    chain.tx((market, role, text, values))
    return chain.decoded()


def test_numbers_no_column_can_hold_are_put_aside_with_their_text():
    huge = 2**255
    decoded = hostile(
        "marlin_oyster",
        "market",
        "JobDeposited(bytes32 indexed job, address indexed from, uint256 amount)",
        [MACHINE, PAYER, huge],
    )
    assert decoded.quarantine["reason"].to_list() == [f"JobDeposited: amount has more than 38 digits: {huge}"]
    late = hostile("marlin_oyster", "market", OPENED, [MACHINE, "{}", RENTER, PROVIDER, 1, 1, 10**30])
    assert late.quarantine["reason"].to_list() == [f"JobOpened: start does not fit: {10**30}"]


def test_a_product_that_overflows_puts_aside_its_own_log_only():
    order = (
        "OrderCreated(uint64 orderId, address creator, uint256 maxPrice, uint64 numOfBlocks, "
        "address token, string specs, uint16 version, uint8 mode)"
    )
    chain = Chain()
    for number in range(20):
        blocks = 2**64 - 1 if number == 7 else 43_200
        chain.tx(("spheron", "order", order, [number, RENTER, 1, blocks, TOKEN, SPEC, 1, 1]))
    decoded = chain.decoded()
    assert [row["lease_id"] for row in given(decoded.events)] == [str(n) for n in range(20) if n != 7]
    (reason,) = decoded.quarantine["reason"].to_list()
    assert "duration_seconds does not fit" in reason


def test_an_unused_giant_number_does_not_matter():
    decoded = hostile(
        "marlin_oyster",
        "market",
        "JobSettled(bytes32 indexed job, uint256 amount, uint256 timestamp)",
        [MACHINE, 3, 2**255],
    )
    assert [row["amount"] for row in given(decoded.events)] == [3]


def test_hostile_texts_stay_exact_and_break_nothing():
    texts = [
        "\x1b[2J",
        "=cmd()",
        "<script>",
        "\u202eabc",
        "x" * 1_000_000,
        '{"instance":' * 5_000,
        '{"instance": "\\ud800"}',
    ]
    chain = Chain()
    for text in texts:
        chain.tx(("marlin_oyster", "market", OPENED, [MACHINE, text, RENTER, PROVIDER, 1, 1, START]))
        chain.tx(("deeplink_dbc", "staking", GPU, [text, text]))
    decoded = chain.decoded()
    assert decoded.quarantine.is_empty()
    assert [row["gpu_raw"] for row in by_verb(decoded.events, "capacity.upsert")] == texts
    assert len(by_verb(decoded.events, "lease.open")) == len(texts)


def test_broken_logs_are_put_aside_with_their_reason():
    chain = Chain()
    topics, data = encoded(OPENED, [MACHINE, "{}", RENTER, PROVIDER, 1, 1, START])
    chain.tx(*[("marlin_oyster", "market", OPENED, [MACHINE, "{}", RENTER, PROVIDER, 1, 1, START])] * 5)
    chain.rows[0]["data"] = data[:40]
    chain.rows[1]["data"] = encode(["uint256"], [2**255]) + data[32:]
    chain.rows[2]["topics"] = []
    chain.rows[3]["topics"] = [b"\xab" * 32]
    chain.rows[4]["topics"] = topics[:2]
    decoded = chain.decoded()
    assert decoded.events.is_empty()
    assert decoded.quarantine["reason"].to_list() == [
        "JobOpened: the payload ends too early",
        "JobOpened: a word holds more than its type",
        "unknown event: the log has no topics",
        "unknown event 0x" + "ab" * 32,
        "unknown layout of JobOpened: 2 topics",
    ]
    assert decoded.quarantine["chain_id"].to_list() == [LOCAL] * 5
