"""A fast twin of the local chain: the same script, the same logs, without an EVM.

`record` keeps the chain (blocks, transactions, logs, token balances); the other modules are the contracts of the world,
one class per contract, each function named as in Solidity and emitting what the Solidity emits, in the same order.
`play` runs a script. Worlds too large for a node are written this way; a test plays one world on both and compares the
decoded events and transfers row by row. May import what `sim` may; must not talk to a node.
"""

from monitor.sim.twin.play import TwinWorld, play_twin

__all__ = ["TwinWorld", "play_twin"]
