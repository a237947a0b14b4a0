"""Markets: `market.toml` files become bound contracts, and raw logs become unified events, quarantine and tables.

An adapter is data: event declarations, verbs, and SQL expressions over a decoded event's columns, with a few named
steps for what SQL cannot say. Pure functions over polars frames; the only files ever read are the adapters. May import
`monitor.abi`, `monitor.config` and `monitor.model`. Must not know leases (that is `facts`), nodes or the ledger,
and never raises because of what a log contains: that becomes a row of quarantine.
"""
