"""Read a million distinct GPU spellings as a column, and a sample of them with difflib's closest match, in one run.

Prints spellings per second of both sides and their ratio; exits with 1 when the parser is not five times as fast as the
fuzzy match over the names of the catalogue, which is what one would reach for without it.
"""

from __future__ import annotations

import difflib
import random
import sys
from time import perf_counter

import polars as pl

from monitor.hardware.catalogue import catalogue
from monitor.hardware.frame import resolve

MILLION = 1_000_000
SAMPLE = 1_000
FLOOR = 5.0


def spellings(count: int) -> list[str]:
    """Make distinct texts as markets have them: a count, a model or something else, a machine's own name."""
    chance = random.Random(4)
    models = [acc.name for acc in catalogue().all()] + ["GeForce RTX 3080", "Xeon E5-2680", "a100 street", "unknown"]
    forms = ("{n}x {m} {i:08x}", "{m} x{n} host-{i}", "vendor/nvidia/model/{m}/{i}", "{m}:{n} node {i:x}", "{m} #{i}")
    return [
        chance.choice(forms).format(n=chance.choice((1, 2, 4, 8)), m=chance.choice(models), i=number)
        for number in range(count)
    ]


def main() -> int:
    """Run both sides; return the exit code."""
    texts = spellings(MILLION)
    began = perf_counter()
    table = resolve(pl.Series(texts))
    taken = perf_counter() - began
    names = [acc.name.lower() for acc in catalogue().all()]
    began = perf_counter()
    for text in texts[:SAMPLE]:
        difflib.get_close_matches(text.lower(), names, 1)
    fuzzy = SAMPLE / (perf_counter() - began)
    ours = MILLION / taken
    named = table.filter(pl.col("gpu_model") != "").height
    print(f"parser   {ours:12,.0f} spellings/s  ({MILLION:,} distinct in {taken:.1f} s, {named:,} named)")
    print(f"difflib  {fuzzy:12,.0f} spellings/s  ({SAMPLE:,})")
    print(f"ratio    {ours / fuzzy:12.1f}x")
    return 0 if ours / fuzzy >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
