"""Law 7 for offers: going on from earlier looks gives what looking at everything gives."""

from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts import offers
from monitor.facts.capacity import capacity
from monitor.facts.folding import fresh
from monitor.facts.offers import Offers
from monitor.facts.supply import VERBS, supply
from tests.facts.rows import event, events, hardware, who

LOOKS, BLOCKS = 10, 40


def said(chance, n):
    verb = chance.choice([*VERBS, *["attest", "heartbeat"] * 3, "lease.open"])
    machine, key = chance.choice([(None, "m1"), ("m1", "x"), ("m2", None), ("m3", "m1"), (None, None)])
    more = {"provider": chance.choice([None, None, who(1), who(1), who(1), who(2)]), "machine_id": machine}
    more |= {"gpu_raw": chance.choice([None, "H100", "H20", "mystery"]), "region_raw": chance.choice([None, "DE"])}
    return event(verb, key, block=chance.randrange(BLOCKS), log=n // 2, **more, chain_id=chance.choice([1, 1, 8453]))


def spelled(frame):
    """What a look is told of spellings: those that it met."""
    return hardware().filter(pl.col("gpu_raw").is_in(frame["gpu_raw"].implode()))


@pytest.mark.parametrize("seed", range(20))
def test_offers_going_on_equal_offers_anew(seed):
    chance, kept, final = Random(seed), Offers(), dict.fromkeys((1, 8453), -1)
    rows = [said(chance, n) for n in range(80)]
    head = BLOCKS // 2
    for look in range(LOOKS):
        # above the final blocks a fork may leave something out
        there = [n for n, row in enumerate(rows) if row["block_number"] <= final[row["chain_id"]] or n % LOOKS != look]
        seen = events(*(rows[n] for n in chance.sample(there, len(there)))).filter(pl.col("block_number") <= head)
        since = final if look else {}
        offered = kept.become(seen, fresh(seen, since), since, spelled(seen))
        assert_frame_equal(offered.capacity, capacity(seen, hardware()))
        assert_frame_equal(offered.supply, supply(seen, hardware()))
        gone = [row["block_number"] for n, row in enumerate(rows) if n % LOOKS == look and row["block_number"] <= head]
        final = {chain: max(upto, min([head - 3, *(block - 1 for block in gone)])) for chain, upto in final.items()}
        head += chance.choice([-1, 0, 1, 2, 5])


def test_machines_without_news_are_not_looked_at_again(monkeypatch):
    old = [event("capacity.upsert", f"m{n}", block=n, provider=who(n)) for n in range(9)]
    new = event("attest", "m3", block=20)
    kept, looked = Offers(), []

    def counted(rows, known):
        looked.append(rows.height)
        return supply(rows, known)

    monkeypatch.setattr(offers, "supply", counted)
    for rows in (old, [*old, new]):
        seen = events(*rows)
        offered = kept.become(seen, fresh(seen, {1: 10}), {1: 10}, hardware())
    assert_frame_equal(offered.supply, supply(events(*old, new), hardware()))
    assert looked == [9, 1, 2]
