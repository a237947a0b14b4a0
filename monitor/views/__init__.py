"""Read models of every surface: a ledger in, a frozen snapshot, rows of plain values, and the one place that cleans.

May import everything from `ledger` down; knows no terminal and no screen. Never reads the chain or a clock, never
decides anything a rule should decide. `fromledger` takes a snapshot; `clean` is the only module that makes on-chain
text harmless; `format` the only one that turns raw addresses, hashes, times and amounts into text.
"""
