from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import polars as pl
import pytest

from monitor.model.schema import CLUSTERS, WALLETS
from monitor.views import status
from monitor.views.columns import TABLES
from monitor.views.snapshot import QuarantineCount
from monitor.views.tables import event_rows, export_rows, finding_rows, lease_rows, wallet_rows
from tests.surfaces_fixture import CHAIN, DAY, HOSTILE, T0, lead, nothing, snapshot, tx, wallet_text


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_the_tables_columns_in_order(name):
    rows = export_rows(snapshot(), name)
    assert rows
    assert all(tuple(row) == TABLES[name].columns for row in rows)
    assert export_rows(nothing(), name) == []


@pytest.mark.parametrize("name", TABLES)
def test_the_order_of_input_does_not_matter(name):
    world = snapshot()
    shuffled = msgspec.structs.replace(
        world,
        **{
            part: getattr(world, part).sample(fraction=1.0, shuffle=True, seed=7)
            for part in ("leases", "lease_events", "wallets", "links", "clusters")
        },
        findings=tuple(random.Random(7).sample(world.findings, len(world.findings))),
    )
    assert export_rows(world, name) == export_rows(shuffled, name)


def test_equal_keys_are_ordered_by_all_columns():
    world = snapshot()
    doubled = msgspec.structs.replace(world, leases=world.leases.vstack(world.leases.reverse()))
    assert lease_rows(doubled) == sorted(lease_rows(world) * 2, key=lambda row: (row["market"], row["lease_id"]))


def test_values_are_text_numbers_and_nothing_raw():
    row = lease_rows(snapshot())[0]
    assert row["renter"] == wallet_text(11)
    assert row["opened_at"] == "2025-10-10T08:53:20Z"
    assert row["deposit_total"] == Decimal(10**36)
    assert row["open_tx"] == "0x" + tx(1).hex()
    assert row["closed_at"] is None
    assert event_rows(snapshot())[0]["block"] == 101


def test_finding_evidence_is_positions_in_order():
    row = finding_rows(snapshot())[0]
    assert row["evidence"] == [f"{CHAIN}:101:0x{tx(1).hex()}:-1", f"{CHAIN}:102:0x{tx(2).hex()}:1"]
    assert row["values"] == {"funder": wallet_text(20), "hours": "2"}


def test_wallet_frames_agree_with_the_contract():
    assert tuple(WALLETS) == TABLES["wallets"].columns
    assert tuple(CLUSTERS) == TABLES["clusters"].columns
    assert wallet_rows(snapshot())[-1]["labels"] == (HOSTILE,)


def test_markets_are_summed_per_chain():
    rows = {row["market"]: row for row in status.market_rows(snapshot())}
    assert rows["reference"]["active"] == 5
    assert rows["reference"]["h100e_leased"] == Decimal("40.000")
    assert rows["reference"]["h100e_offered"] == Decimal("8.000")
    assert rows["spheron"]["active"] == 0
    assert rows["spheron"]["quarantined"] == 3
    assert status.capacity_rows(snapshot())[0]["provider"] == wallet_text(30)


def test_health_counts_blocks_behind():
    row = status.health_rows(snapshot())[0]
    assert (row["last_block"], row["behind"], row["head_hash"]) == (120, 2, "0x" + tx(120).hex())
    assert status.quarantine_rows(snapshot())[0]["rows"] == 3


def test_overview_counts_open_leads_only():
    world = snapshot(leads=(lead(), lead(lead_id="lead-b", state="retracted"), lead(lead_id="lead-c", severity="low")))
    row = status.overview(world)
    assert (row["leads"], row["retracted"], row["high"], row["low"], row["critical"]) == (2, 1, 1, 1, 0)
    assert row["as_of"] == "2025-10-19T08:53:20Z"
    assert status.overview(nothing())["as_of"] is None


def test_weeks_end_at_the_newest_block():
    world = snapshot()
    assert told(world, 3) == ([0, 3, 3], [0, 24, 40])
    first = pl.col("opened_at") == pl.col("opened_at").min()
    for closed, leased in ((8 * DAY, [0, 24, 32]), (DAY, [0, 16, 32])):
        ended = pl.when(first).then(pl.col("opened_at") + closed)
        ours = msgspec.structs.replace(world, leases=world.leases.with_columns(closed_at=ended))
        assert told(ours, 3) == ([0, 3, 3], leased)
        assert told(ours, 1) == ([3], leased[-1:]), "what is older counts for what is leased"
    assert told(nothing(), 3) == ([0, 0, 0], [0, 0, 0])


def told(world, weeks):
    found = status.weekly(world, weeks)
    return found.opened, found.leased


def test_legal_words_stand_and_go_stale():
    world = snapshot()
    assert status.legal_text(world).endswith("Not legal advice.")
    assert "STALE" not in status.legal_text(world)
    assert "STALE" in status.legal_text(msgspec.structs.replace(world, now=T0 + 1000 * DAY))
    unreadable = msgspec.structs.replace(world, legal=msgspec.structs.replace(world.legal, verify_by="soon"))
    assert status.legal_is_stale(unreadable)


def test_the_statement_never_accuses():
    words = status.statement(lead())
    assert words.startswith("Patterns T03, T04 matched; confidence uncalibrated")
    assert words.endswith("It does not state that a law was broken.")


def test_quarantine_of_an_unknown_market_still_shows():
    world = msgspec.structs.replace(
        nothing(), quarantine=(QuarantineCount(market="x", chain_id=5, reason="short data", rows=1),)
    )
    assert [row["market"] for row in status.market_rows(world)] == ["x"]
