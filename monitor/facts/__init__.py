"""Facts: decoded market events and token logs folded into leases, capacity, payments and transfers.

Pure functions from polars frames to polars frames with the schemas of `monitor.model.schema`. The same rows in any
order give the same frames; a frame holds no float. A number that cannot be true (a uint256 nobody owns, a year 40000)
becomes null with a note, and never stops the rows beside it. May import `monitor.markets`, `monitor.hardware`,
`monitor.abi`, `monitor.model` and polars; must not read a file, a clock or a node, and must not know about wallets,
rules or surfaces.
"""
