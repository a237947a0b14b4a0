"""What wallets are, asked of a real node: keys, lent code, Safes, smart accounts, proxies; and what it cannot tell."""

from __future__ import annotations

import polars as pl
import pytest
from eth_abi.abi import encode
from eth_account import Account

from monitor.chain.reads import ChainReads, Read, Wanted
from monitor.chain.rpc import RpcClient
from monitor.facts.people import PEOPLE
from monitor.model.schema import ACCOUNTS, READS, WALLETS, WANTED, empty
from monitor.sim.anvil import Anvil
from monitor.wallets.accounts import AGE, account_reads, accounts
from monitor.wallets.clusters import STAYS
from monitor.wallets.funding import FUNDERS
from tests.chain.conftest import client, endpoints
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Tx
from tests.fakenode.node import Node
from tests.markets.chain_of_logs import LOCAL, START
from tests.markets.theatre import Theatre

KEY, SENDER, BORROWED = (bytes([n]) * 20 for n in (0xA1, 0xA2, 0xCC))
CLONE, PROXY, PLAIN = (bytes([n]) * 20 for n in (0xC1, 0xC2, 0xC3))
OWNERS = [bytes([n]) * 20 for n in (0xB1, 0xB2, 0xB3)]
ENTRY_POINT = bytes.fromhex("0000000071727de22e5e9d8baf0edac6f37da032")
SLOT = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"


def seen(*wallets: bytes, chain: int = LOCAL, first: int = 0, last: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """People with one role each, and their rows of WALLETS."""
    people = pl.DataFrame([(chain, each, "renter", first, last, 5, 9) for each in wallets], schema=PEOPLE, orient="row")
    rows: list[tuple[object, ...]] = [(chain, each, "c", ["renter"], [], 5, 9, 0, None) for each in wallets]
    return people, pl.DataFrame(rows, schema=WALLETS, orient="row")


def told(people: pl.DataFrame, wallets: pl.DataFrame, reads: pl.DataFrame, head: int, chain: int = LOCAL):
    found = accounts(people, empty(STAYS), wallets, empty(FUNDERS), reads)
    return found, account_reads(people, empty(STAYS), wallets, reads, {chain: head})


async def asked(
    rpc: RpcClient, people: pl.DataFrame, wallets: pl.DataFrame, head: int, chain: int = LOCAL
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ask until nothing more is wanted; gives ACCOUNTS and READS."""
    reads: list[Read] = []
    fetcher = ChainReads(rpc, 10_000)
    for _ in range(6):
        known = pl.DataFrame(reads, schema=READS, orient="row")
        found, wanted = told(people, wallets, known, head, chain)
        assert dict(found.schema) == ACCOUNTS
        assert dict(wanted.schema) == WANTED
        if wanted.is_empty():
            return found, known
        reads += await fetcher.fetch([Wanted(*row) for row in wanted.iter_rows()])
    raise AssertionError(wanted)


def word(address: bytes) -> str:
    return f"0x{address.rjust(32, bytes(1)).hex()}"


async def lend_code(node: Anvil) -> bytes:
    """Let an account of a key borrow code for good, as EIP-7702 has it."""
    account = Account.from_key(b"\x11" * 32)
    signed = account.sign_authorization({"chainId": node.chain_id, "address": BORROWED, "nonce": 0})
    item = {
        "chainId": hex(signed.chain_id), "address": f"0x{BORROWED.hex()}", "nonce": hex(signed.nonce),
        "yParity": hex(signed.y_parity), "r": hex(signed.r), "s": hex(signed.s),
    }  # fmt: skip
    fees = {"gas": hex(200_000), "maxFeePerGas": "0x0", "maxPriorityFeePerGas": "0x0"}
    sent = {"from": f"0x{SENDER.hex()}", "to": f"0x{SENDER.hex()}", "type": "0x4", "authorizationList": [item], **fees}
    await node.rpc("eth_sendTransaction", [sent])
    await node.mine()
    return bytes.fromhex(account.address[2:])


@pytest.mark.node
async def test_every_kind_is_told_by_code_storage_and_answers():
    play = Theatre("reference", ["market"])
    play.node = Anvil(chain_id=LOCAL, genesis=START - 1000, hardfork="prague")
    async with play:
        safe, smart, sham = [await play.extra() for _ in range(3)]
        await play.node.rpc("anvil_setStorageAt", [f"0x{safe.hex()}", "0x0", word(BORROWED)])
        for wallet in (safe, sham):
            await play.teach(wallet, "getOwners()", [], encode(["address[]"], [["0x" + each.hex() for each in OWNERS]]))
        await play.teach(safe, "getThreshold()", [], encode(["uint256"], [2]))
        await play.teach(sham, "getThreshold()", [], encode(["uint256"], [9]))
        await play.teach(smart, "entryPoint()", [], encode(["address"], ["0x" + ENTRY_POINT.hex()]))
        await play.teach(sham, "entryPoint()", [], encode(["address"], ["0x" + KEY.hex()]))
        clone = "0x363d3d373d3d3d363d73" + BORROWED.hex() + "5af43d82803e903d91602b57fd5bf3"
        for address, code in ((CLONE, clone), (PROXY, "0x6000"), (PLAIN, "0x6000"), (BORROWED, "0x6000")):
            await play.node.rpc("anvil_setCode", [f"0x{address.hex()}", code])
        await play.node.rpc("anvil_setStorageAt", [f"0x{PROXY.hex()}", SLOT, word(BORROWED)])
        lender = await lend_code(play.node)
        head, _ = await play.node.head()
        people, wallets = seen(KEY, SENDER, safe, smart, sham, CLONE, PROXY, PLAIN, lender, last=head)
        async with RpcClient("local", LOCAL, endpoints(play.node.url)) as rpc:
            found, _ = await asked(rpc, people, wallets, head)
        rows = {row[0]: row[1:] for row in found.select("address", "kind", "runs", "owners", "threshold").iter_rows()}
        assert rows == {
            KEY: ("eoa", None, None, None),
            SENDER: ("eoa", None, None, None),
            lender: ("delegated", BORROWED, None, None),
            safe: ("safe", BORROWED, OWNERS, 2),
            smart: ("erc4337", None, None, None),
            sham: ("contract", None, None, None),  # nobody can sign it, and no entry point is there
            CLONE: ("proxy", BORROWED, None, None),
            PROXY: ("proxy", BORROWED, None, None),
            PLAIN: ("contract", None, None, None),
        }
        nonces = {row[0]: row[1:] for row in found.select("address", "nonce", "as_of", "first_nonce").iter_rows()}
        assert (nonces[KEY], nonces[SENDER], nonces[lender]) == ((0, head, 0), (1, head, 0), (1, head, 0))


async def test_nonces_as_of_the_first_sighting_and_now():
    chain = Chain(1)
    for _ in range(9):
        chain.mine(Tx(sender=KEY), Tx(sender=SENDER))
    people, wallets = seen(KEY, chain=31337, first=4, last=7)
    async with Node(chain).running() as node, client(node.url) as rpc:
        found, _ = await asked(rpc, people, wallets, 9, 31337)
    assert found.select("kind", "first_block", "first_nonce", "as_of", "nonce").rows() == [("eoa", 4, 4, 9, 9)]


async def test_a_node_without_old_state_is_not_asked_for_all_of_it():
    def pruned(call, said):
        if call.method == "eth_getTransactionCount" and int(call.params[1], 16) < 9:
            raise faults.Refusal(-32000, "missing trie node: state is not available")
        return said

    chain = Chain(1)
    for _ in range(9):
        chain.mine(Tx(sender=KEY))
    crowd = [bytes([n]) * 20 for n in range(1, 41)]
    people, wallets = seen(*crowd, chain=31337, first=4, last=7)
    async with Node(chain, faults.Fault(result=pruned)).running() as node, client(node.url) as rpc:
        found, reads = await asked(rpc, people, wallets, 9, 31337)
    assert found["nonce"].to_list() == [0] * 40
    assert found["first_nonce"].null_count() == 40
    assert reads.filter(pl.col("failure").is_not_null() & (pl.col("kind") == "nonce")).height == 5


async def test_what_nobody_has_is_asked_of_each_endpoint_once_and_not_waited_for():
    chain = Chain()
    chain.mine()
    nodes = one, two = [Node(chain, faults.without_methods("eth_getStorageAt")) for _ in range(2)]
    wanted = [Wanted(LOCAL, 1, "storage", bytes([place]) * 20, b"\x01" * 32) for place in range(20)]
    async with one.running(), two.running(), RpcClient("x", chain.chain_id, endpoints(one.url, two.url)) as rpc:
        found = await ChainReads(rpc, 100).fetch(wanted)
    assert all("eth_getStorageAt" in str(read.failure) for read in found)
    # All together twice, as before it is known that there is no such method, then each by itself.
    assert sum(node.methods["eth_getStorageAt"] for node in nodes) == 2 * (2 * 20 + 20)


def test_what_was_answered_long_before_a_wallet_was_seen_again_is_asked_again():
    people, wallets = seen(KEY, first=100, last=100)
    code = pl.DataFrame([(LOCAL, 120, "code", KEY, b"", b"", None)], schema=READS, orient="row")
    found, wanted = told(people, wallets, code, 130)
    assert found["kind"].to_list() == ["eoa"]
    assert wanted.select("block_number", "kind").rows() == [(100, "nonce"), (120, "nonce")]
    people, wallets = seen(KEY, first=100, last=120 + AGE)
    found, wanted = told(people, wallets, code, 140 + AGE)
    assert found["kind"].to_list() == ["eoa"], "until the answer comes"
    assert (140 + AGE, "code") in wanted.select("block_number", "kind").rows()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(64),
        b"\x20".rjust(32, b"\0") + b"\xff" * 32,
        b"\x20".rjust(32, b"\0") + b"\x02".rjust(32, b"\0") + KEY.rjust(32, b"\0"),
    ],
)
def test_owners_that_are_no_list_make_no_safe(raw):
    people, wallets = seen(PLAIN, first=1, last=1)
    one = (1).to_bytes(32)
    answers = [
        ("code", b"", b"\x60\x00"), ("storage", bytes(32), BORROWED.rjust(32, b"\0")),
        ("account", bytes.fromhex("a0e67e2b"), raw), ("account", bytes.fromhex("e75235b8"), one),
    ]  # fmt: skip
    rows = [(LOCAL, 2, kind, PLAIN, payload, result, None) for kind, payload, result in answers]
    found, _ = told(people, wallets, pl.DataFrame(rows, schema=READS, orient="row"), 3)
    assert found["kind"].to_list() == ["contract"]
