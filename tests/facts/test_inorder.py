"""Frames in order: rows put in their places are where sorting everything puts them."""

from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts import inorder
from monitor.facts.inorder import extended, replaced, under

ORDER = ["market", "chain_id", "name"]
SCHEMA = {"market": pl.String(), "chain_id": pl.Int64(), "name": pl.Binary(), "value": pl.Int64()}


def made(chance, count):
    rows = [(chance.choice("abc"), chance.randrange(3), bytes([chance.randrange(9)]), n) for n in range(count)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@pytest.mark.parametrize("many", [2, 256])
@pytest.mark.parametrize("seed", range(20))
def test_rows_under_some_keys_are_replaced(seed, many, monkeypatch):
    monkeypatch.setattr(inorder, "_MANY", many)
    monkeypatch.setattr(inorder, "_MOST_PIECES", 3)
    chance = Random(seed)
    frame = made(chance, chance.randrange(40)).sort(ORDER, maintain_order=True)
    for _ in range(6):
        names = ORDER[: chance.randrange(1, 4)]
        keys = made(chance, chance.randrange(6)).select(names)
        assert_frame_equal(under(frame, keys), frame.join(keys, on=names, how="semi", maintain_order="left"))
        rows = made(chance, 9).join(keys, on=names, how="semi").unique(ORDER, keep="first", maintain_order=True)
        stands = frame.join(keys, on=names, how="anti", maintain_order="left")
        frame = replaced(frame, keys, rows, ORDER)
        assert_frame_equal(frame, pl.concat([stands, rows]).sort(ORDER, maintain_order=True))


def test_a_frame_goes_on_above_a_block_of_each_chain():
    frame = pl.DataFrame({"chain_id": [1, 1, 1, 2, 4], "block": [1, 5, 6, 3, 1]})
    rows = pl.DataFrame({"chain_id": [1, 2, 3], "block": [6, 9, 1]})
    now = extended(frame, "block", {1: 5, 4: 1}, rows)
    assert now.rows() == [(1, 1), (1, 5), (1, 6), (2, 9), (3, 1), (4, 1)]


def test_large_pieces_stay_and_small_ones_are_put_together(monkeypatch):
    monkeypatch.setattr(inorder, "_MOST_PIECES", 4)
    frame = pl.DataFrame({"chain_id": [1] * 100, "block": range(100)})
    for block in range(100, 106):
        frame = extended(frame, "block", {1: block - 1}, pl.DataFrame({"chain_id": [1], "block": [block]}))
    assert frame["block"].to_list() == list(range(106))
    assert frame["block"].chunk_lengths() == [100, 4, 1, 1]
