"""Native transactions of a pack held against a node: the same ones, and what is said of those that differ."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.config.spec import ChainConfig
from monitor.daemon.recheck import Recheck, read_said, recheck
from monitor.errors import InputError
from tests.fakenode import faults
from tests.fakenode.chain import CHAIN_ID, Chain, Tx
from tests.fakenode.node import Node

ANN, BOB = b"\xa1" * 20, b"\xb2" * 20


@pytest.fixture
def chain() -> Chain:
    made = Chain()
    made.mine(Tx(sender=ANN, to=BOB, value=7), Tx(sender=BOB, to=ANN, value=9, failed=True))
    return made


def packed(chain: Chain) -> list[dict[str, Any]]:
    """Write the chain's transactions as a pack does; what failed moved nothing."""
    paid, failed = ({**tx, "chainId": hex(CHAIN_ID), "trace": ""} for tx in chain.blocks[-1].transactions)
    inside = {**paid, "to": "0x" + "5a" * 20, "value": "0x3", "nonce": None, "trace": "call_0"}
    return [paid, {**failed, "value": "0x0"}, inside]


async def held(chain: Chain, rows: list[dict[str, Any]], *faults: faults.Fault) -> Recheck:
    async with Node(chain, *faults).running() as node:
        config = ChainConfig.model_validate({"id": CHAIN_ID, "rpc": [node.url]})
        return await recheck("fake", config, read_said(b"[]", msgspec.json.encode(rows), b"[]", CHAIN_ID))


async def test_what_the_node_says_too_does_not_differ(chain):
    found = await held(chain, packed(chain))
    assert found == Recheck(logs=0, transactions=2, inside=1, blocks=0, differences=[])


@pytest.mark.parametrize(
    ("place", "change", "words"),
    [
        (0, {"value": "0x8"}, "value differ"),
        (0, {"from": "0x" + "00" * 20, "nonce": "0x77"}, "sender, nonce differ"),
        (0, {"hash": "0x" + "ab" * 32}, "the node does not know the transaction"),
        (1, {"value": "0x9"}, "value differ"),
        (2, {"blockHash": "0x" + "ab" * 32}, "block_hash differ"),
    ],
)
async def test_what_differs_is_named(place, change, words, chain):
    rows = packed(chain)
    rows[place] |= change
    (difference,) = (await held(chain, rows)).differences
    assert words in difference


def test_what_is_no_list_of_transactions_is_refused():
    with pytest.raises(InputError, match="not what a pack holds"):
        read_said(b"[]", b'[{"chainId": "0x1"}]', b"[]", 1)
