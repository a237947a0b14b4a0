"""Blooms, and when an answer is looked at twice."""

import random

from hypothesis import given
from hypothesis import strategies as st

from monitor.sync.evidence import Trust, bloom_of, holds, is_crisp, lacking, way
from monitor.sync.fragment import TRANSFER, LogFilter
from tests.fakenode.encode import bloom as written_apart

ADDRESSES = st.binary(min_size=20, max_size=20)
WORDS = st.binary(min_size=32, max_size=32)
ANN, BOB = b"\x01" * 20, b"\x02" * 20
WORD = b"\x07" * 32


def as_bytes(*items):
    return bloom_of(items).to_bytes(256, "big")


@given(st.lists(st.tuples(ADDRESSES, st.lists(WORDS, max_size=4)), max_size=8))
def test_a_bloom_is_that_of_consensus(logs):
    own = as_bytes(*(item for address, topics in logs for item in (address, *topics)))
    assert own == written_apart(logs)
    assert all(holds(own, [address, *topics]) for address, topics in logs)


def test_what_a_block_may_hold_and_the_answer_lacks():
    bloom = as_bytes(ANN, WORD)
    assert lacking(bloom, LogFilter((ANN, BOB)), ())
    assert not lacking(bloom, LogFilter((ANN, BOB)), {ANN})
    assert not lacking(bloom, LogFilter((BOB,)), ())
    assert lacking(as_bytes(ANN, BOB), LogFilter((ANN, BOB)), {ANN})
    wallets = LogFilter((ANN,), ((TRANSFER,), (WORD, b"\x08" * 32)))
    assert lacking(as_bytes(ANN, TRANSFER, WORD), wallets, ())
    assert not lacking(as_bytes(ANN, TRANSFER), wallets, ())
    assert not lacking(as_bytes(ANN, WORD), wallets, ())
    assert lacking(as_bytes(ANN, TRANSFER, WORD), wallets._replace(topics=((TRANSFER,), None, (WORD,))), ())


def test_a_filter_for_any_address_is_held_against_its_topics():
    wanted = LogFilter((), ((TRANSFER,), (WORD,)))
    assert lacking(as_bytes(ANN, TRANSFER, WORD), wanted, ())
    assert not lacking(as_bytes(ANN, TRANSFER), wanted, ())
    assert not lacking(as_bytes(ANN, TRANSFER, WORD), wanted, {ANN}), "who sent one may have sent another"
    few = as_bytes(*(bytes([number]) * 20 for number in range(20)))
    assert is_crisp(few, wanted)
    assert not is_crisp(bytes(b"\xff" * 256), wanted)


def test_a_bloom_that_says_maybe_to_everything_is_not_crisp():
    dice = random.Random(1)
    few, many = (as_bytes(*(dice.randbytes(20) for _ in range(count))) for count in (20, 700))
    assert is_crisp(few, LogFilter((ANN,)))
    assert not is_crisp(many, LogFilter((ANN,)))
    assert is_crisp(as_bytes(*(dice.randbytes(20) for _ in range(200))), LogFilter((ANN,), ((WORD,), (WORD,))))
    assert not is_crisp(bytes(b"\xff" * 256), LogFilter((ANN,), ((WORD,),)))


def test_the_cheaper_way_is_taken():
    assert way(0, 20_000, blooms=True) == ("headers", True)
    assert way(3, 400, blooms=True) == ("headers", True)
    assert way(500, 9_500, blooms=True) == ("headers", True)
    assert way(60, 300, blooms=True) == ("headers", False)
    assert way(99_900, 100, blooms=True) == ("again", False)
    assert way(0, 400, blooms=False) == ("again", False)


def test_a_stranger_is_tested_always_and_a_liar_again():
    trust = Trust()
    tested = 0
    for _ in range(400):
        if trust.is_due:
            trust = trust.tested()
            tested += 1
        else:
            trust = trust.skipped()
    assert 64 + 80 <= tested <= 64 + 90
    assert Trust().is_due
