"""Read models shared by every surface: a frozen snapshot in, rows of plain values out, and the one place that cleans.

May import everything from `ledger` down (it needs only `model`); knows no terminal, screen or file of its own. Never
reads the chain, a ledger or a clock, never decides anything a rule should decide. `clean` is the only module that makes
on-chain text harmless; `format` the only one that turns raw addresses, hashes, times and amounts into text.
"""
