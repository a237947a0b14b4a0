"""Rules: facts → findings → leads. One file per typology; a finding says what pattern matched and where on chain.

A lead needs two core families on one tenant cluster and is for human review: it never says that a law was broken, and
no rule looks at who a person is, only at what wallets did. May import `monitor.wallets`, `monitor.facts` and below;
rules do not import each other. Reads no clock, node or ledger; the one file it reads is the packaged legal file.
"""
