"""Accelerators: what a GPU spelling means, how large the part is, which control class it falls in on a given day.

Catalogue rows are package data (`catalogue.toml`, `names.toml`); everything computed from them is a pure function of
the row and a date that the caller passes. May import only `monitor.model`, `monitor.errors` and value libraries
(msgspec; polars in `frame` alone). Reads no clock, no network and no file outside the package; never raises on a text
from a chain.
"""
