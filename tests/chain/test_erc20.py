"""Contract calls through web3, on top of the same checked client."""

from __future__ import annotations

import subprocess
import sys

import pytest

from monitor.chain.erc20 import erc20_decimals
from monitor.errors import NodeRefused
from tests.chain.conftest import client


async def test_decimals(node):
    async with client(node) as rpc:
        assert await erc20_decimals(rpc, b"\x01" * 20) == 6


@pytest.mark.parametrize("answer", ["0x", "0x" + "ff" * 32, "0x" + (200).to_bytes(32, "big").hex()])
async def test_odd_decimals(node, answer):
    node.mangle = lambda method, result: answer if method == "eth_call" else result
    async with client(node) as rpc:
        with pytest.raises(NodeRefused, match="decimals"):
            await erc20_decimals(rpc, b"\x01" * 20)


def test_web3_is_loaded_only_for_a_call():
    code = "import sys, monitor.chain.erc20, monitor.chain.source; sys.exit('web3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
