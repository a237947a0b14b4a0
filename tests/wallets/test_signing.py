"""Law 7 for what wallets signed and set: going on from earlier looks gives what looking at everything gives."""

from functools import partial
from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts.fold import KEY
from monitor.facts.folding import Folded, Turned
from monitor.facts.lease_events import LEASE_EVENTS
from monitor.facts.moving import Moved
from monitor.facts.people import PEOPLE
from monitor.model.schema import LEASES, READS, TRANSFERS
from monitor.wallets.fees import fees, signed
from monitor.wallets.signing import Acts, News, Signing
from tests.facts.rows import who

LOOKS, WALLETS, LEASED = 12, range(1, 9), range(6)


def transfer(chance, n):
    block = chance.randrange(30)
    place = {"chain_id": 1, "block_number": block, "block_time": block, "log_index": n, "tx_hash": bytes([n // 2])}
    return place | {"sender": who(chance.choice(WALLETS)), "recipient": who(chance.choice(WALLETS)), "amount": 1}


def said(chance, n):
    block, actor = chance.randrange(30), chance.choice([None, *map(who, WALLETS)])
    verb = chance.choice(["lease.open", "lease.deposit", "lease.settle"])
    place = {"market": "m", "chain_id": 1, "lease_id": str(chance.choice(LEASED)), "block": block, "at": block}
    return place | {"verb": verb, "actor": actor, "tx": bytes([n // 2]), "log_index": n}


def answer(chance, row):
    """What the chain says of a transaction: who signed it and what was set; sometimes that nobody knows."""
    block, tx, sender = (row.get(new, row.get(old)) for new, old in (
        ("block_number", "block"), ("tx_hash", "tx"), ("sender", "actor"),
    ))  # fmt: skip
    told = (sender or who(1)) + bytes([chance.randrange(2)]) + b"".join(
        n.to_bytes(8, "big") for n in (chance.choice([7, 8]), chance.choice([21_000, 90_000, 90_001]))
    )  # fmt: skip
    asked = {"chain_id": 1, "block_number": block, "kind": "fee", "target": b"", "payload": tx}
    return asked | chance.choice([{"result": told}, {"result": told}, {"failure": "pruned"}])


def frame(rows, schema, *order):
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema).sort(order)


def minus(one, other):
    return one.join(other, on=one.columns, how="anti", nulls_equal=True)


def near(transfers, some, side):
    return transfers.filter(pl.col(side).is_in(some.implode()))


@pytest.mark.parametrize("seed", range(30))
def test_signing_on_equals_looking_anew(seed):
    chance, signing, before, fees_before = Random(seed), Signing(), None, None
    sends, says = ([make(chance, n) for n in range(80)] for make in (transfer, said))
    answers = [answer(chance, row) for row in (*sends, *says)]
    met, onward = 3, 0
    for look in range(LOOKS):
        # mostly more, sometimes less, as after a fork
        shown, met = (look + 2) * 6 - chance.choice([0, 0, 0, 9]), max(1, met + chance.choice([1, 0, 0, 0, -1]))
        moved = frame(sends[:shown], TRANSFERS, "block_number", "log_index")
        history = frame(says[:shown], LEASE_EVENTS, "block", "log_index")
        rented = [{"market": "m", "chain_id": 1, "lease_id": str(n), "renter": who(1 + n % 3)} for n in LEASED]
        if chance.randrange(6) == 0:
            rented[0]["renter"] = who(8)
        persons = [{"chain_id": 1, "address": who(n), "role": role} for n in WALLETS[:met] for role in ("a", "b")]
        acts = Acts(
            frame(rented, LEASES, "lease_id"), history, moved, frame(persons, PEOPLE), chance.choice([2, 2, 2, 3])
        )
        known = chance.sample(answers, 12 * look) if chance.randrange(4) == 0 else answers[: 12 * look]
        reads = frame(known, READS, "block_number", "payload").unique(["block_number", "payload"], keep="first")
        everything = signed(*acts)
        news = None
        if before is not None:
            turned = Turned(acts.leases.select(KEY), *(Folded(*each[:2], each.persons) for each in (before, acts)))
            was = before.transfers
            moves = Moved(minus(was, moved), minus(moved, was))
            news = News(turned, moves, partial(near, was))
        settings = signing.become(acts, reads, news)
        found, wanted = fees(everything, reads)
        assert_frame_equal(settings.fees, found)
        assert_frame_equal(settings.wanted, wanted)
        if settings.changed is not None:
            onward += 1
            assert_frame_equal(settings.changed.gone, minus(fees_before, found), check_row_order=False)
            assert_frame_equal(settings.changed.fresh, minus(found, fees_before), check_row_order=False)
        before, fees_before = acts, found
    assert onward
