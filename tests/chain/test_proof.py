"""Header hashes and receipts roots, against those of a chain that was hashed by other code."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from monitor.chain.proof import header_hash, receipts_root
from monitor.chain.wire import Lying, ReceiptAnswer
from tests.fakenode.chain import Log, Tx, dense
from tests.fakenode.encode import keccak, number, ordered_root, rlp


def receipts(answers: list[dict[str, Any]]) -> list[ReceiptAnswer]:
    return msgspec.convert(answers, list[ReceiptAnswer])


@pytest.mark.parametrize("count", [0, 1, 2, 17, 127, 128, 129, 300])
def test_roots_of_any_many_receipts(count):
    chain = dense(blocks=2)
    logs = [Log(b"\xc1" * 20, (bytes([place % 256]) * 32,), b"x" * place) for place in range(count)]
    block = chain.mine(*[Tx((log,)) for log in logs])
    root = receipts_root(receipts(block.receipts))
    assert root is not None
    assert f"0x{root.hex()}" == block.header["receiptsRoot"]


def test_a_root_changes_with_any_log():
    block = dense(blocks=2).blocks[1]
    for place, receipt in enumerate(block.receipts):
        fewer = {**receipt, "logs": receipt["logs"][:-1]}
        root = receipts_root(receipts([*block.receipts[:place], fewer, *block.receipts[place + 1 :]]))
        assert root is not None
        assert f"0x{root.hex()}" != block.header["receiptsRoot"]


def test_headers():
    chain = dense(blocks=20)
    for block in chain.blocks:
        hashed = header_hash(block.answer(full=False))
        assert hashed is not None
        assert f"0x{hashed.hex()}" == block.hash
    older = {name: value for name, value in chain.blocks[3].header.items() if name != "parentBeaconBlockRoot"}
    assert header_hash(older) != header_hash(chain.blocks[3].header)


def test_what_is_unknown_is_not_called_a_lie():
    header = dense(blocks=3).blocks[2].answer(full=False)
    assert header_hash({**header, "sendRoot": "0x00", "hash": f"0x{'11' * 32}"}) is None
    strange = receipts(dense(blocks=2).blocks[1].receipts)
    strange[0].type = "0x64"
    assert receipts_root(strange) is None
    with pytest.raises(Lying, match="without stateRoot"):
        header_hash({name: value for name, value in header.items() if name != "stateRoot"})


def test_deposits_of_the_op_stack():
    answer = {
        "transactionHash": "0x" + "11" * 32, "blockHash": "0x" + "22" * 32, "status": "0x1", "type": "0x7e", "logs": [],
        "cumulativeGasUsed": "0xb44c", "logsBloom": "0x" + "00" * 256, "depositNonce": "0x9",
        "depositReceiptVersion": "0x1",
    }  # fmt: skip
    canyon = b"\x7e" + rlp([number(1), number(0xB44C), bytes(256), [], number(9), number(1)])
    assert receipts_root(receipts([answer])) == ordered_root([canyon])
    bedrock = {name: value for name, value in answer.items() if not name.startswith("deposit")}
    before = b"\x7e" + rlp([number(1), number(0xB44C), bytes(256), []])
    assert receipts_root(receipts([bedrock])) == ordered_root([before])


def test_receipts_from_before_byzantium_carry_a_state_root():
    answer = {"transactionHash": "0x" + "11" * 32, "blockHash": "0x" + "22" * 32, "root": "0x" + "33" * 32, "logs": [],
              "cumulativeGasUsed": "0x5208", "logsBloom": "0x" + "00" * 256}  # fmt: skip
    assert receipts_root(receipts([answer])) == ordered_root([rlp([b"\x33" * 32, number(0x5208), bytes(256), []])])


def test_an_empty_block():
    assert receipts_root([]) == keccak(rlp(b""))
