"""What a token says of itself, asked through web3: its decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address

from monitor.chain.rpc import RpcClient
from monitor.errors import NodeRefused

if TYPE_CHECKING:
    from web3 import AsyncWeb3

__all__ = ["connect", "erc20_decimals"]

MAX_DECIMALS = 36
_DECIMALS_ABI = [
    {
        "type": "function",
        "name": "decimals",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint8"}],
    }
]


def connect(rpc: RpcClient) -> AsyncWeb3[Any]:
    """Put web3 on top of a client, so that its calls share the fail-over, the limits and the masking."""
    # web3 takes over a second to import (it earns that only where contracts are called) and wants a subclass.
    import msgspec
    from web3 import AsyncWeb3
    from web3.providers.async_base import AsyncJSONBaseProvider
    from web3.types import RPCEndpoint, RPCResponse

    class Provider(AsyncJSONBaseProvider):
        async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
            raw = await rpc.call(method, params, msgspec.Raw)
            return {"jsonrpc": "2.0", "id": 0, "result": msgspec.json.decode(raw)}

    return AsyncWeb3(Provider())


async def erc20_decimals(rpc: RpcClient, token: bytes) -> int:
    """Ask an ERC-20 token for its decimals; raises NodeRefused when it does not answer with 0 to 36."""
    from web3.exceptions import Web3Exception

    contract = connect(rpc).eth.contract(to_checksum_address(token), abi=_DECIMALS_ABI)
    try:
        decimals = await contract.functions.decimals().call()
    except Web3Exception as error:
        message = f"{rpc.name}: token {to_checksum_address(token)} does not tell its decimals"
        raise NodeRefused(message, hint="give them in config.toml under the chain's `tokens`") from error
    if not isinstance(decimals, int) or not 0 <= decimals <= MAX_DECIMALS:
        message = f"{rpc.name}: token {to_checksum_address(token)} says it has {str(decimals)[:20]} decimals"
        raise NodeRefused(message, hint="give them in config.toml under the chain's `tokens`")
    return decimals
