"""Law 7 for what wallets signed: going on from earlier looks gives what looking at everything gives."""

from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts.fold import KEY
from monitor.facts.lease_events import LEASE_EVENTS
from monitor.facts.moving import Moved
from monitor.model.schema import LEASES, TRANSFERS
from monitor.wallets.fees import signed
from monitor.wallets.signing import Acts, Signing
from tests.facts.rows import who

LOOKS, PEOPLE, LEASED = 12, range(1, 9), range(6)


def transfer(chance, n):
    block = chance.randrange(30)
    place = {"chain_id": 1, "block_number": block, "block_time": block, "log_index": n, "tx_hash": bytes([n // 2])}
    return place | {"sender": who(chance.choice(PEOPLE)), "recipient": who(chance.choice(PEOPLE)), "amount": 1}


def said(chance, n):
    block, actor = chance.randrange(30), chance.choice([None, *map(who, PEOPLE)])
    verb = chance.choice(["lease.open", "lease.deposit", "lease.settle"])
    place = {"market": "m", "chain_id": 1, "lease_id": str(chance.choice(LEASED)), "block": block, "at": block}
    return place | {"verb": verb, "actor": actor, "tx": bytes([n // 2]), "log_index": n}


def frame(rows, schema, *order):
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema).sort(order)


@pytest.mark.parametrize("seed", range(30))
def test_signing_on_equals_looking_anew(seed):
    chance, signing, before = Random(seed), Signing(), frame([], TRANSFERS)
    sends, says = ([make(chance, n) for n in range(80)] for make in (transfer, said))
    met = 3
    for look in range(LOOKS):
        # mostly more, sometimes less, as after a fork
        shown, met = (look + 2) * 6 - chance.choice([0, 0, 0, 9]), max(1, met + chance.choice([1, 0, 0, 0, -1]))
        moved = frame(sends[:shown], TRANSFERS, "block_number", "log_index")
        history = frame(says[:shown], LEASE_EVENTS, "block", "log_index")
        rented = [{"market": "m", "chain_id": 1, "lease_id": str(n), "renter": who(1 + n % 3)} for n in LEASED]
        if shown % 4:
            rented[0]["renter"] = who(8)
        persons = pl.DataFrame({"address": [*map(who, PEOPLE[:met]), who(1)]}).select(chain_id=1, address="address")
        persons = persons.cast({"chain_id": pl.Int64})
        acts = Acts(frame(rented, LEASES, "lease_id"), history, moved, persons, chance.choice([2, 2, 2, 3]))
        pairs = ((before, moved), (moved, before))
        news = Moved(*(one.join(other, on="log_index", how="anti") for one, other in pairs))
        touched = acts.leases.select(KEY) if look else None
        assert_frame_equal(signing.become(acts, touched, news), signed(*acts), check_row_order=False)
        before = moved
