"""Law 7: folding on gives what folding everything gives, whatever came, went or was said late in between."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from monitor.facts.fold import KEY
from monitor.facts.folding import Folded, Folding, Terms, Turned, fresh
from monitor.facts.lease_events import lease_events
from monitor.facts.leases import leases
from monitor.facts.people import people
from monitor.facts.quotes import QUOTES
from monitor.model.schema import empty
from tests.facts.rows import BLOCK_SECONDS, event, events, hardware, tokens
from tests.laws.test_facts import row

BLOCKS = 12
TERMS = Terms(hardware(), tokens(), {"marlin": "stream"}, BLOCK_SECONDS, empty(QUOTES))

placed = st.fixed_dictionaries({
    "chain_id": st.sampled_from([1, 8453]), "block": st.integers(0, BLOCKS), "log": st.integers(0, 3), "row": row,
})  # fmt: skip
looks = st.lists(
    st.tuples(st.lists(placed, max_size=8), st.integers(0, BLOCKS), st.sampled_from(["1", "1", "1", "2"])),
    min_size=3,
    max_size=6,
)


def made(item: dict[str, Any]) -> dict[str, Any]:
    return event(block=item["block"], log=item["log"], **{**item["row"], "chain_id": item["chain_id"]})


def said(block: int, verb: str, lease: str, order: str | None = None, gpu: str | None = None) -> dict[str, Any]:
    told = {"verb": verb, "lease_id": lease, "order_id": order, "market": "reference", "gpu_raw": gpu}
    return {"chain_id": 1, "block": block, "log": 0, "row": told}


def told(turned: Turned, before: Folded, after: Folded) -> None:
    """What stood and stands now of some leases and people is all that differs between two looks, and only of them."""
    assert_frame_equal(turned.was.leases, before.leases.join(turned.keys, on=KEY, how="semi", maintain_order="left"))
    assert_frame_equal(turned.now.leases, after.leases.join(turned.keys, on=KEY, how="semi", maintain_order="left"))
    for was, now, one, other in zip(turned.was, turned.now, before, after, strict=True):
        for mine, theirs, whole, rest in ((was, now, one, other), (now, was, other, one)):
            anti = [each.join(back, on=each.columns, how="anti", nulls_equal=True) for each, back in
                    ((mine, theirs), (whole, rest), (mine, whole))]  # fmt: skip
            assert_frame_equal(anti[0], anti[1], check_row_order=False)
            assert anti[2].is_empty()


@settings(deadline=None, max_examples=60)
@example([
    ([said(1, "order.open", "a"), said(2, "lease.open", "b", "a")], 3, "1"),
    ([], 3, "1"),
    ([said(5, "order.update", "a", gpu="H100")], 6, "1"),
    ([], 6, "1"),
    ([said(9, "lease.open", "c", "a"), said(9, "lease.close", "b")], 9, "1"),
])  # fmt: skip
@given(looks)
def test_folding_on_equals_folding_anew(story):
    folding = Folding()
    rows: list[dict[str, Any]] = []
    final: dict[int, int] = {}
    before: Folded | None = None
    for come, upto, price in story:
        # what is final stays; above it the chain may have become another one
        rows = [item for item in rows if item["block"] <= final.get(item["chain_id"], -1)]
        rows += [item for item in come if item["block"] > final.get(item["chain_id"], -1)]
        frame = events(*map(made, rows))
        # of spellings a look is told those that it met
        met = hardware().filter(pl.col("gpu_raw").is_in(frame["gpu_raw"].implode()))
        terms = TERMS._replace(tokens=tokens(price), hardware=met)
        folded = folding.become(frame.reverse(), fresh(frame, final), final, terms)
        assert_frame_equal(folded.leases, leases(frame, *terms))
        assert_frame_equal(folded.history, lease_events(frame))
        assert_frame_equal(folded.people, people(frame, providers=True))
        if before is not None and folding.turned is not None:
            told(folding.turned, before, folded)
        before = folded
        final = {chain: max(upto - chain % 2, final.get(chain, -1)) for chain in (1, 8453)}
