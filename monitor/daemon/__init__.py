"""Wiring: chain sources, the ledger's writer, the judgement and the deliverer run side by side until told to stop.

May import everything but `cli` and `sim`. Holds no domain logic: what to fetch is decided in `sync`, what it means in
`facts`, `wallets` and `rules`. The only room beside `chain` and `alerts` that reads the wall clock.
"""
