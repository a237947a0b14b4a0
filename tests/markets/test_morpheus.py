"""Morpheus: sessions on bids whose ids are derived."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_abi.packed import encode_packed
from eth_hash.auto import keccak

from tests.markets.chain_of_logs import PROVIDER, RENTER, START, Chain, by_verb, declared
from tests.markets.theatre import Theatre

M = "morpheus"
MODEL, SESSION = b"\x0d" * 32, b"\x5e" * 32
BID = keccak(encode_packed(["address", "bytes32", "uint256"], [PROVIDER, MODEL, 7]))
POSTED, OLD_POSTED = declared(M, "MarketplaceBidPosted"), declared(M, "BidPosted")
DELETED = declared(M, "MarketplaceBidDeleted")
OPENED, CLOSED = declared(M, "SessionOpened"), declared(M, "SessionClosed")
WITHDRAWN = declared(M, "ProviderWithdrawn")
BID_ROW = "(address,bytes32,uint256,uint256,uint128,uint128)"
SESSION_ROW = "(address,bytes32,uint256,bytes,uint256,uint256,uint128,uint128,uint128,bool,bool)"


def session(closed: int) -> bytes:
    row = (RENTER, BID, 10**18, b"", 0, 0, START + 20, START + 620, closed, not closed, False)
    return encode([SESSION_ROW], [row])


@pytest.mark.node
async def test_a_session_from_bid_to_close_with_what_its_getters_say():
    async with Theatre(M, ["diamond"], decimals=18) as play:
        await play.tx(("diamond", POSTED, [PROVIDER, MODEL, 7]))
        await play.teach("diamond", "getBid(bytes32)", [BID], encode([BID_ROW], [(PROVIDER, MODEL, 10**14, 7, 1, 0)]))
        await play.teach("diamond", "getSession(bytes32)", [SESSION], session(0))
        await play.tx(("diamond", OPENED, [RENTER, SESSION, PROVIDER]), seconds=20)
        await play.teach("diamond", "getSession(bytes32)", [SESSION], session(START + 300))
        await play.tx(("diamond", CLOSED, [RENTER, SESSION, PROVIDER]), seconds=300)
        (lease,) = (await play.leases()).values()
    assert (lease["renter"], lease["provider"], lease["machine_id"]) == (RENTER, PROVIDER, "0x" + BID.hex())
    assert (lease["price_amount"], lease["price_per"]) == (10**14, "second")
    assert (lease["opened_at"], lease["planned_end"]) == (START + 20, START + 620)
    assert (lease["status"], lease["closed_at"], lease["close_reason"]) == ("closed", START + 300, "user")
    assert (lease["resource_provenance"], lease["region_provenance"]) == ("none", "none")


@pytest.mark.parametrize("posted", [POSTED, OLD_POSTED])
def test_a_bid_is_known_by_its_derived_id_without_a_call(posted):
    chain = Chain()
    chain.tx((M, "diamond", posted, [PROVIDER, MODEL, 7]))
    chain.tx((M, "diamond", DELETED, [PROVIDER, MODEL, 7]))
    events = chain.decoded().events
    assert by_verb(events, "capacity.upsert")[0]["machine_id"] == "0x" + BID.hex()
    assert by_verb(events, "capacity.remove")[0]["machine_id"] == "0x" + BID.hex()


def test_without_an_answer_the_session_keeps_its_people_and_claims_no_price():
    chain = Chain()
    chain.tx((M, "diamond", OPENED, [RENTER, SESSION, PROVIDER]), seconds=9)
    decoded = chain.decoded()
    (lease,) = by_verb(decoded.events, "lease.open")
    assert (lease["renter"], lease["provider"], lease["start"]) == (RENTER, PROVIDER, START + 9)
    assert not {"price_amount", "price_per", "planned_end", "machine_id"} & lease.keys()
    assert decoded.wanted.height == 1


def test_a_delegate_that_opens_a_session_is_not_its_user():
    chain = Chain()
    chain.tx((M, "diamond", OPENED, [RENTER, SESSION, PROVIDER]))
    chain.rows[0]["tx_from"] = b"\x99" * 20
    assert by_verb(chain.decoded().events, "lease.open")[0]["renter"] == RENTER


def test_a_withdrawal_names_no_session():
    chain = Chain()
    chain.tx((M, "diamond", WITHDRAWN, [PROVIDER, 5]))
    (paid,) = by_verb(chain.decoded().events, "lease.settle")
    assert (paid["provider"], paid["amount"]) == (PROVIDER, 5)
