"""Safes and their owners: whom a Safe's word joins, what its owner must have done, and that reads take it back."""

from decimal import Decimal

import polars as pl
import pytest

from monitor.model.schema import READS
from monitor.wallets.grouping import Grouping, grouped
from monitor.wallets.owners import NO_OWNED, OWNED, jointly, owned
from tests.facts.rows import MARKET, native_tx, token_log, tx, who
from tests.wallets.test_adversarial import apart, group, same
from tests.wallets.worlds import Rows, crowd, lease, pay, seen, send

SAFE, OTHER, OWNER, COSIGNER, STRANGER = 700, 701, 50, 51, 60
SINGLETON = b"\x41" * 20
GET_OWNERS, GET_THRESHOLD = bytes.fromhex("a0e67e2b"), bytes.fromhex("e75235b8")
ASKED = 900


def word(value):
    return value.to_bytes(32) if isinstance(value, int) else value.rjust(32, b"\0")


def answers(safe, *owners, threshold=1, at=ASKED, slot=SINGLETON):
    listed = b"".join([word(32), word(len(owners)), *(word(who(one)) for one in owners)])
    told = [
        ("storage", bytes(32), word(slot)),
        ("account", GET_OWNERS, listed),
        ("account", GET_THRESHOLD, word(threshold)),
    ]
    return [(1, at, kind, who(safe), payload, raw, None) for kind, payload, raw in told]


def signed(signer, to, hash_, at):
    """What a node says of a transaction whose fees it was asked for."""
    return (1, at, "fee", b"", hash_, who(signer) + b"\1" + bytes(7) + b"\7" + bytes(7) + b"\7" + to, None)


def reads(*rows):
    return pl.DataFrame(list(rows), schema=READS, orient="row")


def told(rows, *answered):
    return seen(rows)._replace(owned=owned(reads(*answered)))


def runs(rows, *answered):
    found = grouped(told(rows, *answered))
    same(Grouping().become(told(rows, *answered)), found)
    return found


def tie(found, safe=SAFE, owner=OWNER):
    """The link of a Safe and its owner: bits, and whether Safe and owner acted."""
    rows = found.links.filter(pl.col("heuristic") == "sole_owner", pl.col("a").is_in([who(safe), who(owner)]))
    mine = [row for row in rows.iter_rows(named=True) if {row["a"], row["b"]} == {who(safe), who(owner)}]
    if not mine:
        return None
    (row,) = mine
    acted = {row["a"]: row["volition_a"], row["b"]: row["volition_b"]}
    return str(row["weight"]), acted[who(safe)], acted[who(owner)]


def rents(safe, number, block=20_000):
    """A Safe that somebody gave money leases, paying the market itself."""
    giver = STRANGER + number
    given = pay(giver, safe, block=block - 50, nonce=number) + send(giver, safe, 90_000, block=block - 49, log=number)
    return given + lease(number, safe, block=block, provider=300 + number)


def opened(number, block=20_000):
    """The transaction in which `rents` pays the market."""
    return tx(1000 * block + number % 50 * 2)


def call(owner, safe, hash_, block):
    """A call of a Safe by a key that is watched itself."""
    return Rows([], [], [native_tx(who(owner), who(safe), 0, block=block, nonce=3, tx_hash=hash_)])


TWO = crowd() + rents(SAFE, 1) + rents(OTHER, 2)


def test_who_calls_his_two_safes_is_one_with_both():
    by_reads = runs(
        TWO, *answers(SAFE, OWNER), *answers(OTHER, OWNER),
        signed(OWNER, who(SAFE), opened(1), 20_000), signed(OWNER, who(OTHER), opened(2), 20_000),
    )  # fmt: skip
    calls = call(OWNER, SAFE, opened(1), 20_000) + call(OWNER, OTHER, opened(2), 20_000)
    by_transfers = runs(TWO + calls, *answers(SAFE, OWNER), *answers(OTHER, OWNER))
    for found in (by_reads, by_transfers):
        assert tie(found) == tie(found, OTHER) == ("20.0", True, True)
        assert len({group(found, one) for one in (SAFE, OTHER, OWNER)}) == 1
        link = found.links.filter((pl.col("heuristic") == "sole_owner") & (pl.col("b") == who(SAFE)))
        assert link["evidence"].to_list() == [[opened(1)]], "the transaction that shows it"


@pytest.mark.parametrize(
    ("owners", "threshold"), [((OWNER, COSIGNER), 1), ((OWNER, COSIGNER), 2), ((OWNER, COSIGNER, 52), 2), ((OWNER,), 0)]
)
def test_a_safe_of_several_owners_joins_none_of_them(owners, threshold):
    found = runs(
        TWO, *answers(SAFE, *owners, threshold=threshold), *answers(OTHER, *owners, threshold=threshold),
        signed(OWNER, who(SAFE), opened(1), 20_000), signed(COSIGNER, who(OTHER), opened(2), 20_000),
    )  # fmt: skip
    assert not found.links.filter(pl.col("heuristic") == "sole_owner").height
    assert apart(found, SAFE, OTHER, *owners)


VICTIM = OWNER
FRAMED = {
    "named and nothing else": (Rows([], [], []), (), "3.0"),
    "somebody else signs what the Safe does": (
        Rows([], [], []), (signed(STRANGER, who(SAFE), opened(1), 20_000),), "3.0",
    ),
    "he buys something and pays the Safe": (
        send(VICTIM, SAFE, 500, block=21_000) + pay(VICTIM, SAFE, block=21_001), (), "4.0",
    ),
    "what he pays is passed on at once": (
        Rows([], [token_log(who(SAFE), who(STRANGER), 5, block=21_000, log=90, tx_hash=tx(77))],
             [native_tx(who(VICTIM), who(SAFE), 10**17, block=21_000, nonce=4, tx_hash=tx(77))]), (), "4.0",
    ),
    "a market takes the Safe's money when he settles": (
        Rows([], [token_log(who(SAFE), MARKET, 5, block=21_000, log=90, tx_hash=tx(78))],
             [native_tx(who(VICTIM), MARKET, 0, block=21_000, nonce=4, tx_hash=tx(78))]),
        (signed(VICTIM, MARKET, tx(78), 21_000),), "3.0",
    ),
    "a transfer of nothing in his name": (send(VICTIM, SAFE, 0, block=21_000), (), "3.0"),
    "he calls it, and it does nothing": (call(VICTIM, SAFE, tx(79), 21_000), (), "3.0"),
    "it sends him money unasked": (send(SAFE, VICTIM, 900, block=21_000) + pay(SAFE, VICTIM, block=21_001), (), "3.0"),
}  # fmt: skip


@pytest.mark.parametrize("how", FRAMED)
def test_whoever_is_named_the_owner_of_strangers_safes_is_not_joined_to_them(how):
    """Anybody can make a Safe that names a victim, and keep a back door to use it."""
    more, said, bits = FRAMED[how]
    own = pay(98, VICTIM, block=8_000) + lease(9, VICTIM, block=9_000, provider=310)
    found = runs(TWO + own + more, *answers(SAFE, VICTIM), *answers(OTHER, VICTIM), *said)
    assert tie(found) == (bits, True, bits != "3.0")
    assert apart(found, SAFE, OTHER, VICTIM)


def test_the_newest_answer_counts_and_a_reorg_of_it_brings_back_the_one_before():
    """Owners come and go by swapOwner and addOwnerWithThreshold; the link goes with them, look by look as anew."""
    call_by_owner = signed(OWNER, who(SAFE), opened(1), 20_000)
    first = [*answers(SAFE, OWNER), call_by_owner]
    kept = Grouping()
    steps = [
        (first, ("20.0", True, True), None),
        ([*first, *answers(SAFE, COSIGNER, at=30_000)], None, ("3.0", True, False)),
        ([*first, *answers(SAFE, OWNER, COSIGNER, at=30_000)], None, None),
        ([*first, *answers(SAFE, OWNER, at=30_000, slot=bytes(20))], None, None),
        ([*first, *answers(SAFE, OWNER, COSIGNER, at=30_000)[:2]], ("20.0", True, True), None),
        (first, ("20.0", True, True), None),
        ([], None, None),
    ]
    for answered, his, other in steps:
        found = grouped(told(TWO, *answered))
        same(kept.become(told(TWO, *answered)), found)
        assert (tie(found), tie(found, owner=COSIGNER)) == (his, other)
        assert (group(found, SAFE) == group(found, OWNER)) == (his is not None)


def test_a_reorg_of_the_call_leaves_the_word_of_the_safe():
    calls, kept = call(OWNER, SAFE, opened(1), 20_000), Grouping()
    for rows, bits in ((TWO + calls, "20.0"), (TWO, "3.0"), (TWO + calls, "20.0")):
        found = grouped(told(rows, *answers(SAFE, OWNER)))
        same(kept.become(told(rows, *answers(SAFE, OWNER))), found)
        assert tie(found)[0] == bits


def test_answers_that_are_no_safes_tell_of_no_owner():
    good = answers(SAFE, OWNER)
    listed = [(1, b""), (1, None), (1, good[1][5][:-1])]
    for place, raw in [(0, bytes(32)), (0, b"\xff" * 32), (0, None), *listed, (2, None), (2, word(2**255)), (2, b"\1")]:
        rows = [(*row[:5], raw, None) if place == at else row for at, row in enumerate(good)]
        assert owned(reads(*rows)).is_empty(), (place, raw)
    for itself in (answers(SAFE, SAFE), [*good[:1], (*good[1][:5], word(32) + word(1) + bytes(32), None), *good[2:]]):
        assert owned(reads(*itself)).is_empty()
    assert owned(reads(*good)).rows() == [(1, who(SAFE), who(OWNER), None)]
    assert dict(owned(reads(*good)).schema) == dict(NO_OWNED.schema) == OWNED


def test_a_hub_is_nobodys_owner():
    busy = sum((pay(OWNER, 3_000 + n, block=22_000 + n, nonce=n % 90) for n in range(210)), Rows([], [], []))
    found = runs(TWO + busy, *answers(SAFE, OWNER), signed(OWNER, who(SAFE), opened(1), 20_000))
    assert tie(found) is None
    assert Decimal("20.0") not in found.links["weight"].to_list()


@pytest.mark.parametrize(
    ("answered", "joint"),
    [
        (answers(SAFE, OWNER, COSIGNER, threshold=2), True),
        (answers(SAFE, OWNER, COSIGNER, threshold=1), False),
        (answers(SAFE, OWNER, threshold=1), False),
        (answers(SAFE, OWNER, COSIGNER, threshold=3), False),
        (answers(SAFE, OWNER, COSIGNER, threshold=258), False),
        (answers(SAFE, OWNER, COSIGNER, threshold=2, slot=b""), False),
        (answers(SAFE, OWNER, COSIGNER, threshold=2)[:2], False),
        ([*answers(SAFE, OWNER, COSIGNER, threshold=2), *answers(SAFE, OWNER, COSIGNER, at=ASKED + 1)], False),
    ],
    ids=[
        "two of two",
        "one of two",
        "one",
        "more than there are",
        "a large number",
        "no singleton",
        "half asked",
        "was",
    ],
)
def test_several_sign_for_a_safe(answered, joint):
    assert jointly(reads(*answered)).get_column("address").to_list() == ([who(SAFE)] if joint else [])
