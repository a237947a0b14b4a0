from random import Random
from typing import Any

import polars as pl
import pytest

from monitor.facts.people import people
from monitor.model.schema import TRANSFERS
from monitor.wallets.watch import LAST_AWAITED, WATCH, Limits, watch_funders, watch_people, within
from tests.facts.rows import events, who
from tests.wallets.worlds import lease, pay, send, wallets

LIMITS = {1: Limits(start=100, native_lookback=1_000, around_funding=50, transfers=True)}
HISTORY = pay(50, 1, block=4_500) + pay(50, 2, block=4_530) + pay(50, 3, block=4_600) + lease(1, 1, block=5_000)


def test_people_are_watched_for_tokens_always_and_native_before_their_first_lease():
    frame = watch_people(people(events(*HISTORY.events)), LIMITS)
    assert dict(frame.schema) == WATCH
    assert frame.rows() == [(1, who(1), "erc20", 100, None, 0), (1, who(1), "native", 4_000, 5_001, 0)]


def test_funders_are_watched_around_their_funding():
    world = wallets(HISTORY)
    frame = watch_funders(world.funders, LIMITS)
    assert frame.rows() == [(1, who(50), "erc20", 4_450, 4_551, 1), (1, who(50), "native", 4_450, 4_551, 1)]


def test_unconfigured_chains_and_switched_off_kinds_are_not_watched():
    persons = people(events(*HISTORY.events))
    assert watch_people(persons, {}).is_empty()
    off = {1: Limits(start=0, native_lookback=0, around_funding=50, transfers=False)}
    assert watch_people(persons, off).is_empty()
    assert watch_funders(wallets(HISTORY).funders, off).is_empty()


def test_only_transfers_inside_a_watched_span_are_seen_and_each_once():
    world = wallets(HISTORY + send(9, 1, 5, block=99) + send(9, 1, 5, block=100) + send(9, 8, 5, block=4_500))
    watch = pl.concat(
        [watch_people(people(events(*HISTORY.events)), LIMITS), watch_funders(wallets(HISTORY).funders, LIMITS)]
    )
    seen = within(world.transfers, watch, LIMITS)
    assert seen["block_number"].to_list() == [100, 4_500, 4_530, 5_000]
    later = watch.with_columns(pl.lit(2).cast(pl.Int64).alias("stage"))
    near = {1: LIMITS[1]._replace(final=4_530)}
    assert within(world.transfers, watch, near).equals(seen), "of people and their funders all counts"
    assert within(world.transfers, later, near)["block_number"].to_list() == [100, 4_500, 4_530]
    assert seen.schema == world.transfers.schema


@pytest.mark.parametrize("seed", range(10))
def test_what_is_within_a_watch_is_what_any_of_its_spans_holds(seed):
    chance = Random(seed)
    kinds, people, blocks = ["erc20", "native"], range(1, 6), 60
    rows: list[dict[str, Any]] = [
        dict.fromkeys(TRANSFERS)
        | {"chain_id": 1, "block_number": chance.randrange(blocks), "kind": chance.choice(kinds), "log_index": n}
        | {"sender": who(chance.choice(people)), "recipient": chance.choice([None, who(chance.choice(people))])}
        for n in range(200)
    ]
    spans = [
        (1, who(chance.choice(people)), chance.choice(kinds), start, stop, chance.randrange(4))
        for start in chance.sample(range(blocks), 12)
        for stop in [chance.choice([None, start + 1, start + 9, start + 9])]
    ]
    transfers = pl.DataFrame(rows, schema=TRANSFERS)
    found = within(transfers, pl.DataFrame(spans, schema=WATCH, orient="row"), {1: Limits(0, 9, 9, True, final=40)})
    held = [
        row["log_index"]
        for row in rows
        if any(
            address in (row["sender"], row["recipient"]) and kind == row["kind"] and start <= row["block_number"]
            and (stop is None or row["block_number"] < stop) and (stage <= LAST_AWAITED or row["block_number"] <= 40)
            for _, address, kind, start, stop, stage in spans
        )
    ]  # fmt: skip
    assert found["log_index"].to_list() == held
    assert 0 < len(held) < len(rows)
