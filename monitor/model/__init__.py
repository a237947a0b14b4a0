"""Values that travel between the rooms: chain positions, spans, logs, findings, leads, fact schemas.

May import only `monitor.errors` and value libraries (msgspec; polars in `schema` alone). Does no I/O, reads no clock,
draws no random numbers. `schema` is imported by name only, so that a command that shows help never loads polars.
"""
