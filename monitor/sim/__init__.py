"""A small world with known truth on a real EVM: a local anvil node, the contracts, and actors who lease, pay and hide.

`anvil` owns the node's process, `contracts` and `stage` put the contracts on it, `actors` write the script (pure,
seeded), `world` plays it and says what the truth is. May import everything below `daemon`, and nothing imports this
package but the command line and tests. Must not be used against a chain that holds value: it sends unsigned
transactions for any account, which only a local development node accepts.
"""
