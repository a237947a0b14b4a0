"""What `canned.py` serves: one event of one contract. Apart from it, since a side need not load what a server needs."""

FIRST = 0x1000000
"""The first block: every number has seven hex digits."""
CHAIN_ID = 31337
ADDRESS = "0x" + "c0ffee" * 6 + "c0ff"
EVENT = "event Paid(address indexed payer, address indexed payee, uint256 amount, uint64 until, address token)"
TOPIC0 = "0xd91df0d214467e3ed47bbffd81b4493f13050dc4b384405108be3f288b1fbd94"
