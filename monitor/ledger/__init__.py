"""The ledger: one SQLite file with raw logs, headers, what is covered, findings, leads and alerts to deliver.

May import `model` and `errors`, sqlite3, and polars only where frames are made. The only room with SQL. `Writer` owns
the one writing thread of the one daemon; `Reader` never writes and works beside it from any process. Nothing here
fetches, decodes or judges, and nothing reads the clock: times come in as arguments.
"""
