"""Accelerators: what a GPU spelling means, how large the part is, which control class it falls in on a given day.

Catalogue rows are package data (`catalogue.toml`, `names.toml`); everything computed from them is a pure function of
the row and a date that the caller passes. May import only `monitor.model`, `monitor.errors` and value libraries
(msgspec; polars in `frame` alone, which is imported by name). Reads no clock, no network and no file outside the
package; never raises on a text from a chain.
"""

from monitor.hardware.accelerator import Accelerator
from monitor.hardware.catalogue import Catalogue, catalogue
from monitor.hardware.control import case_by_case_2026, classify, eccn_class, h100e, h100e_bf16, h100e_tpp
from monitor.hardware.listing import CATALOGUE_COLUMNS, catalogue_rows
from monitor.hardware.parse import DETAIL_COLUMNS, PARSE_COLUMNS, ParsedGpu, parse_gpu

__all__ = [
    "CATALOGUE_COLUMNS",
    "DETAIL_COLUMNS",
    "PARSE_COLUMNS",
    "Accelerator",
    "Catalogue",
    "ParsedGpu",
    "case_by_case_2026",
    "catalogue",
    "catalogue_rows",
    "classify",
    "eccn_class",
    "h100e",
    "h100e_bf16",
    "h100e_tpp",
    "parse_gpu",
]
