"""Law 7 for transfers: what went and came is told as comparing all of them tells it."""

from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts import moving
from monitor.facts.inorder import places
from monitor.facts.moving import Moving
from monitor.facts.transfers import CHAIN_ORDER
from monitor.model.schema import TRANSFERS

CHAINS, BLOCKS, ROWS, LOOKS = 2, 40, 300, 12


def world(chance):
    blank = dict.fromkeys(TRANSFERS)
    rows = [
        blank | {"chain_id": 1 + chance.randrange(CHAINS), "block_number": chance.randrange(BLOCKS), "log_index": n}
        for n in range(ROWS)
    ]
    return pl.DataFrame(rows, schema=TRANSFERS).sort(CHAIN_ORDER, nulls_last=True)


def same(told, other):
    return told.sort("log_index").equals(other.sort("log_index"))


@pytest.mark.parametrize("many", [0, 256])
@pytest.mark.parametrize("seed", range(15))
def test_what_went_and_came_is_the_difference(seed, many, monkeypatch):
    chance = Random(seed)
    monkeypatch.setattr(moving, "_MANY", many)
    rows, moving_on, told, before = world(chance), Moving(), 0, pl.DataFrame(schema=TRANSFERS)
    known = rows.clear()
    watched, final, heads = {5}, dict.fromkeys(range(1, CHAINS + 1), -1), {1: 10, 2: 0}
    for look in range(LOOKS):
        forked = {chain: chance.choice([upto + 1, upto + 2, BLOCKS]) for chain, upto in final.items()}
        above = [(pl.col("chain_id") == chain) & (pl.col("block_number") >= at) for chain, at in forked.items()]
        # above the final blocks a fork may leave something out
        there = (pl.col("log_index") % LOOKS != look) | ~pl.any_horizontal(above)
        # some rows come long after their block
        there &= pl.col("log_index") % 11 <= look
        near = [(pl.col("chain_id") == chain) & (pl.col("block_number") <= head) for chain, head in heads.items()]
        seen = rows.filter(pl.any_horizontal(near) & there)
        watched ^= {chance.randrange(9)}
        ours = seen.select((pl.col("log_index") % 9).is_in(sorted(watched))).to_series()
        counted = ours if chance.randrange(5) else None
        inside = None if counted is None else counted.to_numpy()
        now = seen if counted is None else seen.filter(counted)
        settled = pl.col("block_number") <= pl.col("chain_id").replace_strict(final)
        fresh = seen.join(known, on="log_index", how="anti").filter(settled)
        late, known = places(seen, fresh, CHAIN_ORDER[:2]), seen
        mine, moved = moving_on.become(seen, inside, final if look else {}, late)
        assert_frame_equal(mine, now)
        if moved is not None:
            told += 1
            assert same(moved.gone, before.join(now, on="log_index", how="anti"))
            assert same(moved.fresh, now.join(before, on="log_index", how="anti"))
        before = now
        # what is final next was seen as it is now
        kept = {chain: min(heads[chain], forked[chain] - 1) for chain in final}
        final = {chain: max(upto, chance.choice([upto, kept[chain]])) for chain, upto in final.items()}
        heads = {chain: max(final[chain], head + chance.choice([-2, 0, 1, 6])) for chain, head in heads.items()}
    assert told == LOOKS - 1


def test_rows_that_are_not_what_they_were_are_not_told():
    rows, kept = world(Random(1)), Moving()
    since = dict.fromkeys(range(1, CHAINS + 1), BLOCKS)
    assert kept.become(rows, None, {})[1] is None
    moved = kept.become(rows, None, since)[1]
    assert moved
    assert all(frame.is_empty() for frame in moved)
    counted, moved = kept.become(rows[1:], None, since)
    assert moved is None
    assert_frame_equal(counted, rows[1:])
