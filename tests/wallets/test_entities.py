"""Entities follow the evidence: whatever the road, the same as a rebuild; names live on through merges and splits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.wallets.entities import Change, Entities, lineage
from monitor.wallets.evidence import PairScore
from monitor.wallets.merging import merge
from tests.facts.rows import who

PEOPLE = 12
pairs = st.builds(
    lambda ends, tenths, accepted: PairScore(who(min(ends)), who(max(ends)), tenths, ("flow", "funding"), accepted),
    st.tuples(st.integers(1, PEOPLE), st.integers(1, PEOPLE)).filter(lambda ends: ends[0] != ends[1]),
    st.integers(163, 260),
    st.booleans(),
)
evidence = st.lists(pairs, max_size=14).map(lambda rows: list({(row.a, row.b): row for row in rows}.values()))
owners = st.dictionaries(st.integers(1, PEOPLE).map(who), st.sampled_from(["x", "y"]), max_size=3)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(evidence, owners), min_size=1, max_size=6))
def test_any_history_of_growth_reorgs_and_labels_ends_like_a_rebuild(history):
    kept = Entities()
    for rows, named in history:
        kept.become(rows, named)
        assert kept.groups == merge(rows, named)


@settings(deadline=None, max_examples=80)
@given(evidence, evidence)
def test_pieces_in_any_order_end_like_the_whole(first, second):
    whole = list({(row.a, row.b): row for row in first + second}.values())
    kept = Entities()
    for row in whole:
        kept.update([row])
    assert kept.groups == merge(whole, {})


def pair(a, b, tenths=200):
    return PairScore(who(min(a, b)), who(max(a, b)), tenths, ("flow", "funding"), accepted=True)


def test_only_what_changed_is_grouped_again():
    kept = Entities()
    kept.become([pair(1, 2), pair(2, 3), pair(10, 11)], {})
    assert kept.update([pair(3, 4)]) == {who(n) for n in (1, 2, 3, 4)}
    assert kept.become([pair(1, 2), pair(3, 4), pair(10, 11)], {}) == {who(n) for n in (1, 2, 3, 4)}
    assert kept.become([pair(1, 2), pair(3, 4), pair(10, 11)], {who(10): "x"}) == {who(10), who(11)}
    assert kept.become([pair(1, 2), pair(3, 4), pair(10, 11)], {who(10): "x"}) == set()


def test_one_wrong_pair_joins_no_two_crowds_and_its_reorg_leaves_no_trace():
    crowds = [pair(base, base + n) for base in (1000, 2000) for n in range(1, 100)]
    kept = Entities()
    kept.become(crowds, {})
    before = dict(kept.groups)
    kept.update([pair(1000, 2000)])
    assert kept.groups == before
    kept.update([], [(who(1000), who(2000))])
    assert kept.groups == before


def test_names_merge_split_come_and_go():
    before = {who(1): "a", who(2): "a", who(3): "b", who(4): "c", who(5): "c", who(9): "old"}
    after = {who(1): "a", who(2): "a", who(3): "a", who(4): "c", who(5): "d", who(7): "new"}
    assert lineage(before, after) == [
        Change("merged", "b", ("a",)),
        Change("split", "c", ("d",)),
        Change("new", "new", ()),
        Change("gone", "old", ()),
    ]
    assert lineage(before, before) == []
