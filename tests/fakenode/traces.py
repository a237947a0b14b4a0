"""What trace methods tell of a written chain, every call, also those that were undone; and an index made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.fakenode.chain import Block, Chain, Inner

__all__ = ["METHODS"]

PAGE = 3
"""Transfers on a page of the index, however many are asked for."""

Json = dict[str, Any]


def _block_traces(chain: Chain, block: Block) -> list[Json]:
    found: list[Json] = []
    for place, item in enumerate(block.transactions):
        tx = chain.written[item["hash"]]
        top = Inner(tx.to, tx.value, failed=tx.failed, calls=tx.calls, kind="call" if tx.to else "create")
        made = bytes.fromhex(f"{block.number:040x}")
        for address, call, sender in _walk(top, tx.sender, (), made):
            found.append({
                **_said(call, sender, made), "subtraces": len(call.calls), "traceAddress": list(address),
                "transactionHash": item["hash"], "transactionPosition": place, "blockHash": block.hash,
                "blockNumber": block.number,
            })  # fmt: skip
    reward = {"action": {"author": f"0x{'00' * 20}", "rewardType": "block", "value": "0x1"}, "subtraces": 0,
              "traceAddress": [], "type": "reward", "blockHash": block.hash, "blockNumber": block.number}  # fmt: skip
    return [*found, reward]


def _walk(
    call: Inner, sender: bytes, address: tuple[int, ...], made: bytes
) -> Iterator[tuple[tuple[int, ...], Inner, bytes]]:
    yield address, call, sender
    for place, inner in enumerate(call.calls):
        yield from _walk(inner, call.to or made, (*address, place), made)


def _said(call: Inner, sender: bytes, made: bytes) -> Json:
    come, value = f"0x{sender.hex()}", hex(call.value)
    failed = {"error": "Reverted"} if call.failed else {}
    if call.kind == "create":
        result = None if call.failed else {"address": f"0x{made.hex()}", "code": "0x", "gasUsed": "0x1"}
        return {"type": "create", "action": {"from": come, "value": value, "init": "0x"}, "result": result, **failed}
    to = f"0x{(call.to or b'').hex()}"
    if call.kind == "suicide":
        return {"type": "suicide", "action": {"address": come, "refundAddress": to, "balance": value}, "result": None}
    action = {"callType": call.kind, "from": come, "to": to, "value": value, "input": "0x", "gas": "0x1"}
    return {"type": "call", "action": action, "result": {"gasUsed": "0x0", "output": "0x"}, **failed}


def _number(chain: Chain, text: str) -> int:
    return chain.head if text == "latest" else int(text, 16)


def _block(chain: Chain, which: str) -> list[Json] | None:
    number = _number(chain, which)
    return _block_traces(chain, chain.blocks[number]) if number <= chain.head else None


def _transaction(chain: Chain, tx_hash: str) -> list[Json] | None:
    block, _ = chain.by_tx.get(tx_hash, (None, 0))
    if block is None or block.hash not in chain.by_hash:
        return None
    return [item for item in _block_traces(chain, block) if item.get("transactionHash") == tx_hash]


def _filter(chain: Chain, wanted: Json) -> list[Json]:
    first, last = _number(chain, wanted["fromBlock"]), _number(chain, wanted["toBlock"])
    found = [
        item
        for block in chain.blocks[first : last + 1]
        for item in _block_traces(chain, block)
        if _among(item, ("from", "address"), wanted.get("fromAddress"))
        and _among(item, ("to", "refundAddress"), wanted.get("toAddress"))
    ]
    return found[: wanted.get("count")]


def _among(item: Json, names: Sequence[str], wanted: Sequence[str] | None) -> bool:
    said = {item["action"].get(name) for name in names}
    if names[0] == "to":
        said.add((item.get("result") or {}).get("address"))
    return wanted is None or not said.isdisjoint(wanted)


def _index(chain: Chain, wanted: Json) -> Json:
    """List what moved native value, as alchemy_getAssetTransfers does; `pageKey` is where the next page begins."""
    first, last = _number(chain, wanted["fromBlock"]), _number(chain, wanted["toBlock"])
    found = []
    for block in chain.blocks[first : last + 1]:
        undone: set[tuple[str, tuple[int, ...]]] = set()
        for item in _block_traces(chain, block)[:-1]:
            name, place = item["transactionHash"], tuple(item["traceAddress"])
            if "error" in item or (name, place[:-1]) in undone:
                undone.add((name, place))
            if place and ((name, place) in undone or item["action"].get("callType", "call") != "call"):
                continue
            found.append(_asset(item, "internal" if place else "external"))
    kept = [
        item
        for item in found
        if item["category"] in wanted["category"]
        and all(wanted.get(f"{side}Address", item[side]) == item[side] for side in ("from", "to"))
        and (item["category"] == "external" or item["rawContract"]["value"] != "0x0")
    ]
    start = int(wanted.get("pageKey", "0"))
    more = {"pageKey": str(start + PAGE)} if start + PAGE < len(kept) else {}
    return {"transfers": kept[start : start + PAGE], **more}


def _asset(item: Json, category: str) -> Json:
    action = item["action"]
    value = action.get("value") or action.get("balance")
    return {
        "blockNum": hex(item["blockNumber"]), "hash": item["transactionHash"], "category": category, "asset": "ETH",
        "from": action.get("from") or action.get("address"), "to": action.get("to") or action.get("refundAddress"),
        "value": 0.1, "rawContract": {"value": value, "address": None, "decimal": "0x12"},
    }  # fmt: skip


METHODS: dict[str, Callable[..., Any]] = {
    "trace_block": _block,
    "trace_transaction": _transaction,
    "trace_filter": _filter,
    "alchemy_getAssetTransfers": _index,
}
