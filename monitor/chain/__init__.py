"""The chain shell: JSON-RPC over aiohttp, logs by splitting, the head and its forks, whole blocks, contract calls.

May import `sync`, `config`, `model` and `errors`; asyncio, aiohttp and (in `calls`, lazily) web3. Knows no market and
no ledger. Every answer is a stranger's: sizes and waits are bounded, and what does not fit the question is not taken.
"""
