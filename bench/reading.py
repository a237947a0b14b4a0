"""Reading on against reading anew: what a look at a ledger costs the processor before facts and rules.

`python bench/reading.py [actors]`, by default 400: the twin's world of so many people, all but its newest blocks final.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from time import process_time

from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.sim.anvil import CHAIN_ID
from monitor.sim.generate import generate
from monitor.sim.trial import write_world
from monitor.views.assemble import decode, read_rows
from monitor.views.bundle import load_bundle
from monitor.views.incremental import Reading

OPEN_BLOCKS, TURNS = 32, 5


async def settle(path: Path, head: int) -> None:
    async with Writer(path) as writer:
        await writer.finalize(CHAIN_ID, head - OPEN_BLOCKS)


def main() -> None:
    """Write a world, read it both ways, print seconds and the ratio."""
    actors = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    with tempfile.TemporaryDirectory(prefix="reading-") as folder:
        trial = write_world(generate(seed=1, actors=actors), Path(folder))
        path, bundle = Path(trial.config.ledger.path), load_bundle(trial.config)
        asyncio.run(settle(path, trial.world.head))
        with Reader(path) as reader:
            reading = Reading(reader, bundle)
            reading.read()
            anew, on = [], []
            for _ in range(TURNS):
                begun = process_time()
                whole = decode(read_rows(reader, bundle, None), bundle)
                anew.append(process_time() - begun)
                begun = process_time()
                read, _ = reading.read()
                on.append(process_time() - begun)
            assert reading.anew == 1
    assert read.events.height == whole.events.height
    print(f"{whole.events.height} events, {whole.transfers.height} transfers, {OPEN_BLOCKS} blocks not final")
    print(f"anew {min(anew):.3f} s, on {min(on):.3f} s, ratio {min(anew) / min(on):.1f}")


if __name__ == "__main__":
    main()
