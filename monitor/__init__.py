"""Watch decentralized GPU markets on EVM chains and raise leads for human review.

Read the packages from the chain to the screen: `markets` and `abi` say how a log is read, `chain` and `sync` fetch,
`ledger` keeps, `facts`, `wallets` and `rules` judge (pure functions of the ledger), `alerts`, `views`, `dash`, `export`
and `cli` show. `docs/architecture.md` draws the plan; import-linter holds it (`pyproject.toml`).
"""

import atexit
import gc
import os

# Imports make a hundred thousand objects that stay: looking for rubbish among them every 700 is a tenth of a start.
gc.set_threshold(50_000, 10, 10)

# Nor is there any at the end, when all of them go: the interpreter's last two looks are another tenth.
atexit.register(gc.freeze)

# NumPy's linear algebra, which nothing here calls, starts threads that spin: 60 ms of processor at each start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
