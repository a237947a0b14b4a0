"""Law 7 for links: news of any kind in any order leaves what finding all links anew gives."""

from contextlib import ExitStack
from random import Random
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from monitor.facts.lease_events import LEASE_EVENTS
from monitor.model.schema import LEASES, TRANSFERS
from monitor.wallets import linking, links, siblings
from monitor.wallets.fees import FEES
from monitor.wallets.funding import first_funders, token_funders
from monitor.wallets.held import Delta
from monitor.wallets.hubs import degrees, hubs
from monitor.wallets.linking import LEASED, PERSONS, Links, News
from monitor.wallets.owners import OWNED
from tests.facts.rows import who
from tests.wallets.worlds import label_rows

CONTRACTS = frozenset({who(90)})
HUB_DEGREE = 12
DAY = 86_400
BRIDGE = 60
PEOPLE = range(1, 19)


def frame(rows, schema):
    blank = dict.fromkeys(schema)
    return pl.DataFrame([blank | row for row in rows], schema=schema).unique()


def transfer(chance):
    token, block = chance.choice([None, None, b"t" * 20]), chance.randrange(6)
    part = chance.choice(["funds", "funds", "sweeps", "sweeps", "any", *["crosses"] * 2])
    recipient = chance.choice([4, 5, 1, 2] if part == "sweeps" else PEOPLE)
    sender = 1 + recipient % 3 if part == "funds" else chance.choice([*PEOPLE, 90])
    amount = chance.choice([0, 1, 5000, 6000, 6000, 6000, 10**9, 10**33])
    if part == "crosses":
        sender, recipient = chance.sample([BRIDGE, chance.choice(PEOPLE)], 2)
        token, block = None, 2
        amount = chance.choice([500_000, 123_456, 234_567, 345_678, 765_432]) - (sender == BRIDGE)
    return {
        "chain_id": chance.choice([1, 2] if part == "crosses" else [1, 1, 1, 1, 2]), "block_number": block,
        "block_time": block * DAY, "log_index": -1 if token is None else chance.randrange(2), "token": token,
        "kind": "native" if token is None else "erc20", "sender": who(sender),
        "recipient": None if chance.randrange(20) == 0 else who(recipient), "nonce": 0 if token is None else None,
        "amount": amount, "tx_hash": bytes([chance.randrange(20)]) * 32,
    }  # fmt: skip


def lease(chance, number):
    return {
        "chain_id": chance.choice([1, 1, 1, 2]), "market": "m", "lease_id": str(number),
        "renter": chance.choice([*map(who, PEOPLE), None]), "payer": who(chance.choice([1, 2, *PEOPLE])),
        "provider": chance.choice([None, who(9), who(20), who(21), b""]), "machine_id": chance.choice([None, *"abcd"]),
        "gpu_model": chance.choice([None, "h100", "b200", "h200"]), "gpu_count": 1,
        "opened_at": chance.choice([None, 0, DAY, 2 * DAY, 5 * DAY, 200 * DAY]), "open_block": chance.randrange(6),
        "open_tx": bytes([30 + chance.randrange(4)]) * 32, "open_log_index": chance.randrange(3),
    }  # fmt: skip


def label(chance):
    kind = chance.choice(["owner", "owner", "owner", "exchange", "listed"])
    if chance.randrange(6) == 0:
        return BRIDGE, "B", "bridge"
    return chance.choice(PEOPLE), chance.choice(["Lab", "Other"]), kind


def fee(chance):
    """A setting of one person, who mostly keeps to its own, which few share."""
    person = chance.choice(PEOPLE)
    what, value = chance.choice([*[("tip", 7 + person % 3)] * 5, ("tip", 5), ("gas price", 5)])
    return {
        "chain_id": chance.choice([1, 1, 1, 2]), "address": who(person), "what": what, "value": value,
        "tx": bytes([person, chance.randrange(8)]) * 16, "at": chance.choice([1, 1, 1, 40]) * DAY,
    }  # fmt: skip


def safe(chance):
    """What a wallet answers of its owner, and calls that are known to be his."""
    one, owner = chance.sample(PEOPLE, 2)
    chain, calls = chance.choice([1, 1, 2]), [None, *(bytes([chance.randrange(20)]) * 32 for _ in range(3))]
    return (chain, one), [{"chain_id": chain, "safe": who(one), "owner": who(owner), "tx": tx} for tx in calls]


class World:
    """All that is known at one moment, which the next may add to or take from."""

    def __init__(self, chance):
        self.chance = chance
        self.moves, self.rents, self.topped, self.fees, self.safes = [], {}, [], [], {}
        self.persons, self.labels = set(PEOPLE), {(BRIDGE, "B", "bridge")}

    def turn(self, news):
        """Add `news` transfers and some of all else, and forget a little."""
        chance = self.chance
        self.moves = chance.sample(self.moves, len(self.moves) * 9 // 10) + [transfer(chance) for _ in range(news)]
        self.fees = chance.sample(self.fees, len(self.fees) * 9 // 10) + [fee(chance) for _ in range(2 * news)]
        for _ in range(chance.randrange(news // 2, news + 1)):
            number = chance.randrange(24)
            self.rents[number] = lease(chance, number)
            self.topped = [*self.topped[-6:], (number, who(chance.choice(PEOPLE)))]
        self.persons ^= {chance.choice(PEOPLE)}
        for _ in range(chance.randrange(3)):
            self.labels ^= {label(chance)}
        for _ in range(chance.randrange(3)):
            self.safes |= [safe(chance)]
        if chance.randrange(2) == 0 and self.safes:
            del self.safes[chance.choice(sorted(self.safes))]
        if chance.randrange(4) == 0 and self.rents:
            del self.rents[chance.choice(sorted(self.rents))]

    @property
    def frames(self):
        topped = [
            {"market": "m", "chain_id": self.rents[number]["chain_id"], "lease_id": str(number), "actor": payer,
             "verb": "lease.deposit", "tx": b"d" * 32, "at": DAY}
            for number, payer in self.topped if number in self.rents
        ]  # fmt: skip
        persons = [(chain, who(n)) for chain in (1, 2) for n in sorted(self.persons)]
        return (
            frame(self.moves, TRANSFERS), frame(self.rents.values(), LEASES), frame(topped, LEASE_EVENTS),
            pl.DataFrame(persons, schema=PERSONS, orient="row"), label_rows(*sorted(self.labels)),
            frame(self.fees, FEES), frame([row for rows in self.safes.values() for row in rows], OWNED),
        )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def low_steps():
    """Steps of degrees that small worlds cross."""
    with ExitStack() as stack:
        for module in (linking, links, siblings):
            for name, value in (("SMALL", 2), ("MEDIUM", 4), ("LARGE", 9)):
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, value))
        stack.enter_context(patch("monitor.wallets.hubs._LEAST", 3))
        yield


def anew(world):
    moved, leases, events, persons, labels, fees, owned = world
    counted = degrees(moved)
    funders, tokens = (find(moved, counted, persons, CONTRACTS) for find in (first_funders, token_funders))
    busy = hubs(counted, labels, CONTRACTS, HUB_DEGREE)
    found = links.links(leases, events, moved, counted, funders, busy, labels, fees=fees, owned=owned)
    return funders, tokens, busy, found


def taken(kept, world, before=None):
    """Let `kept` become `world`; with the world `before`, it is told what went and came."""
    moved, leases, events, persons, labels, fees, owned = world
    now = (moved, leases.select(LEASED.keys()), links.payments(leases, events), persons, labels, fees)
    if before is None:
        return kept.become(*now, owned=owned)
    moved, leases, events, *rest = before
    was = (moved, leases.select(LEASED.keys()), links.payments(leases, events), *rest)
    both = list(zip(was, (*now, owned), strict=True))
    pairs = [[(one, other), (other, one)] for one, other in both]
    anti = [[one.join(two, on=one.columns, how="anti", nulls_equal=True) for one, two in each] for each in pairs]
    return kept.update(News(*(Delta(*each) for each in anti)))


def equal(kept, world):
    for mine, all_anew in zip((kept.funders, kept.token_funders, kept.hubs, kept.links), anew(world), strict=True):
        assert_frame_equal(mine, all_anew)


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**32))
def test_whatever_was_known_before_links_are_those_of_what_is_known_now(seed):
    world, kept = World(Random(seed)), Links(CONTRACTS, HUB_DEGREE)
    before, last = kept.links, None
    for news in (world.chance.choice([15, 50]), 3, 1, 1):
        world.turn(news)
        looked = taken(kept, world.frames, world.chance.choice([None, last]))
        last = world.frames
        equal(kept, last)
        same = before.drop("evidence").columns
        gone = before.join(kept.links, on=same, how="anti", nulls_equal=True)
        assert all({a, b} & set(looked) for a, b in gone.select("a", "b").iter_rows()), "a link that went is told of"
        before = kept.links


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**32))
def test_rows_that_come_bit_by_bit_in_any_order_end_like_the_whole(seed):
    world = World(Random(seed))
    world.turn(50)
    moved, *rest = world.frames
    order = world.chance.sample(range(moved.height), moved.height)
    kept = Links(CONTRACTS, HUB_DEGREE)
    for cut in (0, 12, 25, moved.height):
        taken(kept, (moved[order[:cut]], *rest))
    equal(kept, world.frames)


def test_such_worlds_have_safes_that_their_owners_use_pay_and_are_named_by():
    told = set()
    for seed in range(8):
        world = World(Random(seed))
        for news in (50, 3, 3):
            world.turn(news)
        *_, found = anew(world.frames)
        told |= {*found.filter(pl.col("heuristic") == "sole_owner")["weight"].cast(pl.Int64())}
    assert told == {3, 4, 20}
