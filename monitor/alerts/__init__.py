"""Alerts: what changed about a lead, said once to each sink, signed, and sent until the sink has it.

`message` and `payload` are pure: leads in, alerts out, ids and bytes the same at every replay. `outbox` says what the
ledger must keep; `deliver` sends what is due; `ssrf`, `signature` and `post` are one attempt, `probe` is one by hand.
`receiver` is the other end, for the demo and the tests.

May import `ledger` and everything below it (it needs `config`, `model` and `errors`), and aiohttp. Reads the wall clock
and draws jitter, both handed in. Must not read the chain, write SQL, follow redirects, or trust what a receiver says.
"""
