"""Events that standards define: those a chain is full of, and those by which proxies, beacons and diamonds change."""

from __future__ import annotations

from eth_hash.auto import keccak

from monitor.abi import EventDecl, parse_event

__all__ = ["BEACON", "BEACON_UPGRADED", "COMMON", "EPOCHS", "UPGRADED"]

UPGRADED = parse_event("Upgraded(address indexed implementation)")
BEACON_UPGRADED = parse_event("BeaconUpgraded(address indexed beacon)")
EPOCHS: dict[EventDecl, str] = {
    UPGRADED: "implementation",
    BEACON_UPGRADED: "beacon",
    parse_event("AdminChanged(address previousAdmin, address newAdmin)"): "newAdmin",
    parse_event(
        "DiamondCut((address facetAddress, uint8 action, bytes4[] functionSelectors)[] cut, address init, bytes data)"
    ): '"address"',
}
"""Events that mark an epoch of a contract (ERC-1967, EIP-2535), and what each names."""
BEACON = "proxy_beacon"
"""The role of a beacon that a watched proxy names."""
COMMON = frozenset(
    keccak(signature.encode())
    for signature in (
        "Transfer(address,address,uint256)",
        "Approval(address,address,uint256)",
        "ApprovalForAll(address,address,bool)",
        "TransferSingle(address,address,address,uint256,uint256)",
        "TransferBatch(address,address,address,uint256[],uint256[])",
        "Deposit(address,uint256)",
        "Withdrawal(address,uint256)",
        "Swap(address,uint256,uint256,uint256,uint256,address)",
        "Sync(uint112,uint112)",
        "OwnershipTransferred(address,address)",
        "RoleGranted(bytes32,address,address)",
        "Initialized(uint8)",
        "Initialized(uint64)",
        "Upgraded(address)",
    )
)
"""Events that thousands of contracts emit (token standards, exchanges, access control): a chain is full of them."""
