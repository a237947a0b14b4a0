"""A chain written block by block, with the hashes, blooms and roots of consensus; same seed, same bytes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

from tests.fakenode.encode import EMPTY_ROOT, bloom, data, header_hash, keccak, ordered_root, receipt, transaction

__all__ = ["CHAIN_ID", "Block", "Chain", "Inner", "Log", "Tx", "dense"]

Json = dict[str, Any]
CHAIN_ID = 31337
GENESIS_TIME = 1_760_000_000
GAS, PRICE = 21_000, 10**9


class Log(NamedTuple):
    address: bytes
    topics: tuple[bytes, ...] = ()
    data: bytes = b""


class Inner(NamedTuple):
    """A call inside a transaction, from whoever called before it; what is below one that `failed` was undone too.

    `kind` as traces have it: call, delegatecall, callcode, staticcall, or suicide.
    """

    to: bytes | None
    value: int = 0
    failed: bool = False
    calls: tuple[Inner, ...] = ()
    kind: str = "call"


class Tx(NamedTuple):
    """A transaction and the logs it leaves; one that `failed` leaves none. `to` None creates a contract."""

    logs: tuple[Log, ...] = ()
    sender: bytes = b"\x5e" * 20
    to: bytes | None = b"\xc1" * 20
    value: int = 0
    failed: bool = False
    calls: tuple[Inner, ...] = ()


class Block(NamedTuple):
    """A block as nodes write it: `header` without transactions, the rest by place."""

    header: Json
    transactions: list[Json]
    receipts: list[Json]
    logs: list[Json]

    @property
    def hash(self) -> str:
        return str(self.header["hash"])

    @property
    def number(self) -> int:
        return int(self.header["number"], 16)

    def answer(self, *, full: bool) -> Json:
        return {**self.header, "transactions": self.transactions if full else [tx["hash"] for tx in self.transactions]}


class Chain:
    """Blocks from number 0 up. `mine` adds one, `fork` replaces the newest by others, `final` and `safe` are tags.

    `bloom` replaces the bloom that goes into headers (some chains leave it empty, or set more bits than the logs').
    `watchers` are called with each block that is mined.
    """

    def __init__(self, seed: int = 0, chain_id: int = CHAIN_ID, bloom: Callable[[bytes], bytes] = bytes) -> None:
        self.seed = seed
        self.chain_id = chain_id
        self.blocks: list[Block] = []
        self.by_hash: dict[str, Block] = {}
        self.by_tx: dict[str, tuple[Block, int]] = {}
        self.written: dict[str, Tx] = {}
        self.final = 0
        self.safe = 0
        self.branch = 0
        self.watchers: list[Callable[[Block], None]] = []
        self._bloom = bloom
        self._nonces: Counter[bytes] = Counter()
        self.mine()

    @property
    def head(self) -> int:
        return len(self.blocks) - 1

    def upto(self, number: int) -> Self:
        """See the chain as somebody does who knows it up to a block; later blocks do not show."""
        seen = object.__new__(type(self))
        seen.__dict__ |= self.__dict__
        seen.blocks = self.blocks[: max(1, number + 1)]
        seen.by_hash = {block.hash: block for block in seen.blocks}
        seen.final, seen.safe = min(self.final, seen.head), min(self.safe, seen.head)
        return seen

    def mine(self, *txs: Tx, seconds: int = 12) -> Block:
        number, parent = len(self.blocks), self.blocks[-1] if self.blocks else None
        signed = [self._transaction(place, tx) for place, tx in enumerate(txs)]
        self.written.update(zip((item["hash"] for item in signed), txs, strict=True))
        receipts = self._receipts(number, txs, signed)
        header = self._header(number, parent, signed, receipts, seconds)
        where = {"blockHash": header["hash"], "blockNumber": header["number"]}
        for item in (*signed, *receipts):
            item.update(where)
        logs = [log for item in receipts for log in item["logs"]]
        for place, log in enumerate(logs):
            log.update(where, logIndex=hex(place), blockTimestamp=header["timestamp"])
        block = Block(header, signed, receipts, logs)
        self.blocks.append(block)
        self.by_hash[block.hash] = block
        self.by_tx |= {tx["hash"]: (block, place) for place, tx in enumerate(signed)}
        for watcher in self.watchers:
            watcher(block)
        return block

    def fork(self, depth: int, contents: Sequence[Sequence[Tx]]) -> None:
        """Drop the newest `depth` blocks and mine one per item of `contents` on another branch.

        The dropped ones can still be asked for by hash, as at a real node.
        """
        gone = self.blocks[len(self.blocks) - depth :]
        del self.blocks[len(self.blocks) - depth :]
        for block in gone:
            for tx in block.transactions:
                self._nonces[data(tx["from"])] -= 1
                del self.by_tx[tx["hash"]]
        self.branch += 1
        for txs in contents:
            self.mine(*txs)

    def nonce(self, sender: str, number: int) -> int:
        return sum(tx["from"] == sender for block in self.blocks[: number + 1] for tx in block.transactions)

    def _transaction(self, place: int, tx: Tx) -> Json:
        nonce = self._nonces[tx.sender]
        self._nonces[tx.sender] += 1
        typed = place % 2 == 1
        # Nobody signed this: r only makes the hash differ by sender and seed. The branch is left out: a fork can carry
        # the same transaction in another block, as forks do.
        mark = keccak(tx.sender + f"{self.seed}".encode())
        found: Json = {
            "type": "0x2" if typed else "0x0", "nonce": hex(nonce), "gas": hex(GAS), "gasPrice": hex(PRICE),
            "from": f"0x{tx.sender.hex()}", "to": None if tx.to is None else f"0x{tx.to.hex()}", "value": hex(tx.value),
            "input": "0x", "v": "0x1" if typed else hex(2 * self.chain_id + 35), "r": f"0x{mark.hex()}", "s": "0x1",
            "chainId": hex(self.chain_id), "transactionIndex": hex(place),
        }  # fmt: skip
        if typed:
            found |= {"maxFeePerGas": hex(PRICE), "maxPriorityFeePerGas": "0x0", "accessList": [], "yParity": "0x1"}
        found["hash"] = f"0x{keccak(transaction(found)).hex()}"
        return found

    def _receipts(self, number: int, txs: Sequence[Tx], signed: Sequence[Json]) -> list[Json]:
        return [
            {
                "type": item["type"], "transactionHash": item["hash"], "transactionIndex": item["transactionIndex"],
                "status": hex(not tx.failed), "cumulativeGasUsed": hex(GAS * (place + 1)), "gasUsed": hex(GAS),
                "effectiveGasPrice": hex(PRICE), "from": item["from"], "to": item["to"],
                "contractAddress": f"0x{number:040x}" if tx.to is None else None,
                "logsBloom": f"0x{_bloom_of(tx).hex()}",
                "logs": [] if tx.failed else [_log(item, log) for log in tx.logs],
            }
            for place, (tx, item) in enumerate(zip(txs, signed, strict=True))
        ]  # fmt: skip

    def _header(
        self, number: int, parent: Block | None, signed: Sequence[Json], receipts: Sequence[Json], seconds: int
    ) -> Json:
        mixed = 0
        for item in receipts:
            mixed |= int(item["logsBloom"], 16)
        header = {
            "number": hex(number),
            "parentHash": parent.hash if parent else _word(0),
            "timestamp": hex(int(parent.header["timestamp"], 16) + seconds if parent else GENESIS_TIME),
            "logsBloom": f"0x{self._bloom(mixed.to_bytes(256, 'big')).hex()}",
            "transactionsRoot": f"0x{ordered_root([transaction(item) for item in signed]).hex()}",
            "receiptsRoot": f"0x{ordered_root([receipt(item) for item in receipts]).hex()}",
            "extraData": f"0x{f'{self.seed}/{self.branch}'.encode().hex()}",
            "sha3Uncles": f"0x{keccak(bytes([0xC0])).hex()}", "miner": f"0x{'00' * 20}", "stateRoot": _word(1),
            "difficulty": "0x0", "gasLimit": hex(30_000_000), "gasUsed": hex(GAS * len(signed)), "mixHash": _word(2),
            "nonce": "0x0000000000000000", "baseFeePerGas": "0x7", "withdrawalsRoot": f"0x{EMPTY_ROOT.hex()}",
            "blobGasUsed": "0x0", "excessBlobGas": "0x0", "parentBeaconBlockRoot": _word(3), "uncles": [],
            "withdrawals": [], "size": "0x400",
        }  # fmt: skip
        return {**header, "hash": f"0x{header_hash(header).hex()}"}


def dense(seed: int = 0, blocks: int = 1000, logs: int = 20, **options: Any) -> Chain:
    """Mine `blocks` blocks of `logs` logs each in four transactions, by two contracts (three of four by the first)."""
    chance = random.Random(seed)
    chain = Chain(seed, **options)
    for _ in range(blocks - 1):
        emitted = [
            Log((b"\xc1" if place % 4 else b"\xc2") * 20, (b"\x01" * 32, chance.randbytes(32))[: 1 + place % 2],
                chance.randbytes(32 * (place % 3)))
            for place in range(logs)
        ]  # fmt: skip
        chain.mine(*[Tx(tuple(emitted[place::4]), chance.randbytes(20)) for place in range(4)])
    chain.final = chain.safe = chain.head
    return chain


def _bloom_of(tx: Tx) -> bytes:
    return bytes(256) if tx.failed else bloom((log.address, log.topics) for log in tx.logs)


def _log(tx: Json, log: Log) -> Json:
    return {
        "address": f"0x{log.address.hex()}", "topics": [f"0x{topic.hex()}" for topic in log.topics],
        "data": f"0x{log.data.hex()}", "transactionHash": tx["hash"], "transactionIndex": tx["transactionIndex"],
        "removed": False,
    }  # fmt: skip


def _word(value: int) -> str:
    return f"0x{value:064x}"
