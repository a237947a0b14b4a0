"""What facts need of a chain beside logs: contract answers and transactions, fetched within a budget.

Calls as of one block travel together through Multicall3 (mds1/multicall, one address on most chains) where it has code,
else as a batch of eth_call. What a contract refuses or a node cannot tell is an answer too: a row with its failure. A
wallet's code, nonce and storage are read the same way, in batches, and so is what it set for fees in a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from monitor.chain.call import Answer, Call, decode, decode_optional
from monitor.chain.rpc import RpcClient
from monitor.chain.wire import ErrorBody, Lying, block_parameter, fixed, quantity
from monitor.errors import NodeRefused

__all__ = ["MULTICALL", "ChainReads", "Read", "Wanted", "fee_result"]

MULTICALL = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
_AGGREGATE = bytes.fromhex("82ad56cb")
"""`aggregate3((address target, bool allowFailure, bytes callData)[])`."""
BATCH = 50
"""Calls that travel together."""
MAX_RESULT = 64 * 1024
"""Bytes of one answer that are kept: the largest real struct has a few kilobytes."""
MAX_INPUT = 128 * 1024
CODE_HEAD = 64
"""Bytes of a wallet's code that are kept: what tells kinds of accounts apart stands in fewer."""
_FAILURE = 200
_REVERTED = 3
_ADDRESS, _WORD = 20, 32
_MOST = 2**63 - 1
"""Wei per gas, or gas, that are kept; whoever sets more is told as setting this much."""
_DAY_SECONDS = 86_400


class Wanted(NamedTuple):
    """A row of WANTED (`monitor.model.schema`)."""

    chain_id: int
    block_number: int
    kind: str
    target: bytes
    payload: bytes


class Read(NamedTuple):
    """A row of READS: `result`, or why there is none."""

    chain_id: int
    block_number: int
    kind: str
    target: bytes
    payload: bytes
    result: bytes | None
    failure: str | None


class _Sent(msgspec.Struct, rename="camel"):
    """A transaction as eth_getTransactionByHash gives it; a pending one has no block."""

    hash: str
    block_number: str | None
    sender: str = msgspec.field(name="from")
    value: str
    input: str
    to: str | None = None


class _Priced(msgspec.Struct, rename="camel"):
    """What a transaction says of its ends and of fees; an EIP-1559 one names a tip beside the price."""

    hash: str
    block_number: str | None
    sender: str = msgspec.field(name="from")
    gas: str
    to: str | None = None
    gas_price: str | None = None
    max_priority_fee_per_gas: str | None = None


class ChainReads:
    """Fetches reads of one chain, at most `budget` of them a day."""

    def __init__(self, rpc: RpcClient, budget: int) -> None:
        self.rpc = rpc
        self._budget = budget
        self._used = 0
        self._day = 0
        self._multicall: bool | None = None

    @property
    def left(self) -> int:
        """How many may still be fetched today, counted from the start of the event loop's clock."""
        today = int(asyncio.get_running_loop().time() // _DAY_SECONDS)
        if today != self._day:
            self._day, self._used = today, 0
        return max(0, self._budget - self._used)

    async def fetch(self, wanted: Sequence[Wanted]) -> list[Read]:
        """Fetch as many reads as the budget allows, oldest first.

        What the node cannot tell is a row with its failure. Raises ChainUnreachable when no endpoint answers.
        """
        taken = sorted(wanted)[: self.left]
        self._used += len(taken)
        calls = [item for item in taken if item.kind == "call"]
        found: list[Read] = []
        for number, group in groupby(calls, key=lambda item: item.block_number):
            for part in _parts(list(group)):
                found += await self._calls(number, part)
        for part in _parts([item for item in taken if item.kind in _QUESTIONS]):
            found += await self._each(part)
        return found

    async def _each(self, wanted: Sequence[Wanted]) -> list[Read]:
        def accept(answers: Sequence[Answer]) -> list[Read]:
            return [_told(item, answer) for item, answer in zip(wanted, answers, strict=True)]

        try:
            return await self.rpc.ask([_QUESTIONS[item.kind](item) for item in wanted], accept)
        except NodeRefused as error:
            if len(wanted) == 1:
                return [Read(*wanted[0], None, _line(error.message))]
            return [read for item in wanted for read in await self._each([item])]

    async def _calls(self, number: int, wanted: Sequence[Wanted]) -> list[Read]:
        if len(wanted) > 1 and await self._has_multicall():
            try:
                return await self._together(number, wanted)
            except NodeRefused:
                # Multicall3 was not there yet at that block, or the answers are too large for one.
                pass
        try:
            return await self._batch(number, wanted)
        except NodeRefused as error:
            if len(wanted) == 1:
                return [Read(*wanted[0], None, _line(error.message))]
            return [read for item in wanted for read in await self._calls(number, [item])]

    async def _has_multicall(self) -> bool:
        if self._multicall is None:
            try:
                self._multicall = await self.rpc.has_code(MULTICALL)
            except NodeRefused:
                # Whoever does not say what stands at an address is asked one by one.
                self._multicall = False
        return self._multicall

    async def _together(self, number: int, wanted: Sequence[Wanted]) -> list[Read]:
        # eth-abi builds a grammar when it is loaded, 0.2 s: not before a chain is read that has calls.
        from eth_abi.abi import encode

        calls = [(item.target, True, item.payload) for item in wanted]
        data = _AGGREGATE + encode(["(address,bool,bytes)[]"], [calls])
        question = [_eth_call(number, MULTICALL, data)]
        return await self.rpc.ask(question, lambda answers: _unpacked(wanted, _data(decode(answers[0], str))))

    async def _batch(self, number: int, wanted: Sequence[Wanted]) -> list[Read]:
        calls = [_eth_call(number, item.target, item.payload) for item in wanted]

        def accept(answers: Sequence[Answer]) -> list[Read]:
            return [_returned(item, answer) for item, answer in zip(wanted, answers, strict=True)]

        return await self.rpc.ask(calls, accept)


def _eth_call(number: int, target: bytes, data: bytes) -> Call:
    return Call("eth_call", ({"to": f"0x{target.hex()}", "data": f"0x{data.hex()}"}, block_parameter(number)))


def _by_hash(item: Wanted) -> Call:
    return Call("eth_getTransactionByHash", (f"0x{item.payload.hex()}",))


_QUESTIONS: dict[str, Callable[[Wanted], Call]] = {
    "transaction": _by_hash,
    "fee": _by_hash,
    "code": lambda item: Call("eth_getCode", _where(item)),
    "nonce": lambda item: Call("eth_getTransactionCount", _where(item)),
    "storage": lambda item: Call("eth_getStorageAt", _where(item, f"0x{item.payload.hex()}")),
    "account": lambda item: _eth_call(item.block_number, item.target, item.payload),
}
"""What is asked one by one, of transactions and of wallets themselves, by the kind of WANTED."""


def _where(item: Wanted, *more: str) -> tuple[str, ...]:
    return (f"0x{item.target.hex()}", *more, block_parameter(item.block_number))


def _told(item: Wanted, answer: Answer) -> Read:
    match item.kind:
        case "transaction":
            return _sent(item, decode_optional(answer, _Sent))
        case "fee":
            return _priced(item, decode_optional(answer, _Priced))
        case "account":
            return _returned(item, answer)
        case "nonce":
            return Read(*item, quantity(decode(answer, str)).to_bytes(8), None)
        case "storage":
            return Read(*item, quantity(decode(answer, str), 2 + 2 * _WORD).to_bytes(_WORD), None)
        case _:
            return Read(*item, _data(decode(answer, str))[:CODE_HEAD], None)


def _parts(items: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _returned(item: Wanted, answer: Answer) -> Read:
    if isinstance(answer, ErrorBody) and _reverts(answer):
        # The contract itself refuses: every honest node says the same.
        return Read(*item, None, _line(answer.message or "execution reverted"))
    return _kept(item, _data(decode(answer, str)))


def _data(text: str) -> bytes:
    try:
        if text[:2] == "0x":
            return bytes.fromhex(text[2:])
    except ValueError:
        pass
    message = "expected bytes in hex"
    raise Lying(message)


def _reverts(error: ErrorBody) -> bool:
    text = (error.message or "").lower()
    return error.code == _REVERTED or any(
        word in text for word in ("revert", "invalid opcode", "out of gas", "invalid jump")
    )


def _unpacked(wanted: Sequence[Wanted], raw: bytes) -> list[Read]:
    """Open what aggregate3 returned; raises NodeRefused where there is no such contract yet."""
    from eth_abi.abi import decode as decode_abi
    from eth_abi.exceptions import DecodingError

    try:
        (results,) = decode_abi(["(bool,bytes)[]"], raw)
    except DecodingError:
        results = ()
    if len(results) != len(wanted):
        message = "Multicall3 gave no answer at that block"
        raise NodeRefused(message, hint="its calls are asked one by one")
    return [
        _kept(item, data) if success else Read(*item, None, "execution reverted")
        for item, (success, data) in zip(wanted, results, strict=True)
    ]


def _kept(item: Wanted, data: bytes) -> Read:
    if len(data) > MAX_RESULT:
        return Read(*item, None, f"the answer has {len(data)} bytes")
    return Read(*item, data, None)


def _sent(item: Wanted, found: _Sent | None) -> Read:
    if (amiss := _amiss(item, found)) or found is None:
        return Read(*item, None, amiss)
    data = _data(found.input)
    if len(data) > MAX_INPUT:
        return Read(*item, None, f"the call data has {len(data)} bytes")
    recipient = _called(found)
    value = quantity(found.value, 2 + 2 * _WORD).to_bytes(_WORD)
    return Read(*item, fixed(found.sender, _ADDRESS) + recipient + value + data, None)


def _priced(item: Wanted, found: _Priced | None) -> Read:
    if (amiss := _amiss(item, found)) or found is None:
        return Read(*item, None, amiss)
    tip = found.max_priority_fee_per_gas
    price = found.gas_price if tip is None else tip
    if price is None:
        return Read(*item, None, "the transaction names no price of gas")
    numbers = [quantity(text, 2 + 2 * _WORD) for text in (price, found.gas)]
    ends = fixed(found.sender, _ADDRESS), _called(found)
    return Read(*item, fee_result(*ends, *numbers, tipped=tip is not None), None)


def _called(found: _Sent | _Priced) -> bytes:
    return bytes(_ADDRESS) if found.to is None else fixed(found.to, _ADDRESS)


def fee_result(sender: bytes, recipient: bytes, price: int, gas: int, *, tipped: bool) -> bytes:
    """Write the result of a read of kind fee: `price` = the tip where it is `tipped`, else the gas price.

    The protocol takes numbers of any size from whoever can pay, so large ones are no lie of the node; they are cut.
    """
    numbers = (min(number, _MOST).to_bytes(8) for number in (price, gas))
    return sender + bytes([tipped]) + b"".join(numbers) + recipient


def _amiss(item: Wanted, found: _Sent | _Priced | None) -> str | None:
    """Say why an answer does not have the transaction in the block asked for; raises Lying where it has another one."""
    if found is None:
        return "the transaction is not known to the node"
    if found.block_number is None or quantity(found.block_number) != item.block_number:
        return "the node has the transaction in another block"
    if fixed(found.hash, _WORD) != item.payload:
        message = "asked for one transaction, got another"
        raise Lying(message)
    return None


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:_FAILURE])
