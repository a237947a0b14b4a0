"""Law 7: reading on from what is held gives what reading everything gives, whatever the chain did in between."""

import random
from pathlib import Path
from unittest.mock import patch

import pytest
from polars.testing import assert_frame_equal

from monitor.config import load
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.chain import Header
from monitor.model.page import Page, log_rows
from monitor.model.span import Span
from monitor.rules.pipeline import Known
from monitor.sim.anvil import CHAIN_ID
from monitor.sim.generate import generate
from monitor.sim.trial import describe_folder
from monitor.sim.twin import play_twin
from monitor.sim.world import describe
from monitor.sync.fragment import TRANSFER
from monitor.views.assemble import assemble, conclude, parted
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import Onward, snapshot
from monitor.views.incremental import Reading

BLOCKS = 24
LATE = 5
"""One in so many transfers comes to the ledger after its block is final, as a new wallet's history does."""


class Chain:
    """A twin world that enters a ledger in pieces."""

    def __init__(self, twin, writer, seed):
        self.twin, self.writer, self.chance = twin, writer, random.Random(seed)
        self.contracts = set(twin.blocks)
        self.late = {
            (log.block_number, log.log_index) for log in twin.logs if self.chance.randrange(LATE) == 0 and log.topics
        }

    async def extend(self, first, last, *, late=False):
        headers = [header for header in self.twin.headers if first <= header.number <= last]
        logs = [
            log
            for log in self.twin.logs
            if first <= log.block_number <= last and ((log.block_number, log.log_index) in self.late) == late
        ]
        moved = [item for item in self.twin.transfers if first <= item.block_number <= last and not late]
        covered = {"late" if late else "early": Span(first, last + 1)}
        used = {log.block_number for log in logs} | {item.block_number for item in moved}
        known = headers if not late else [header for header in headers if header.number in used]
        await self.writer.extend(CHAIN_ID, known, log_rows(logs), moved, covered)


def played(seed, folder):
    """Play a small world, and describe it in a folder: the twin, its configuration and bundle."""
    made = generate(seed=seed, actors=20)
    twin = play_twin(made.script)
    described = describe(made.script, CHAIN_ID, twin.blocks, head=len(twin.headers))
    describe_folder(made, described, folder, "http://127.0.0.1:1")
    config = load(str(folder / "config.toml")).config
    return twin, config, load_bundle(config)


def same(read, rows, known, reader, bundle, config):
    one, other = conclude(read, rows, bundle, config, known), assemble(reader, bundle, config)
    assert one.world.judgement == other.world.judgement
    assert one.children == other.children
    assert sorted(map(repr, one.quarantine)) == sorted(map(repr, other.quarantine))
    assert_frame_equal(one.wanted, other.wanted)
    assert_frame_equal(one.asides, other.asides)
    for name in ("watch", "wallets", "clusters", "habits"):
        assert_frame_equal(getattr(one.world, name), getattr(other.world, name))
    frames = ("leases", "lease_events", "transfers", "capacity", "supply", "members", "hubs", "links", "funders")
    for name in frames:
        assert_frame_equal(getattr(one.world.facts, name), getattr(other.world.facts, name))


@pytest.mark.parametrize("seed", [1, 2])
async def test_reading_on_equals_reading_anew(seed, tmp_path: Path):
    twin, config, bundle = played(seed, tmp_path)
    head = len(twin.headers)
    async with Writer(Path(config.ledger.path)) as writer:
        await writer.put_chain(CHAIN_ID, "local")
        chain = Chain(twin, writer, seed)
        cuts = sorted(chain.chance.sample(range(head // 2, head), 4))
        with Reader(Path(config.ledger.path)) as reader:
            reading, known, at = Reading(reader, bundle), Known.nothing(), -1
            onward = Onward.start(reader, bundle)
            for number, cut in enumerate(cuts):
                await chain.extend(at + 1, cut)
                same(*reading.read(), known, reader, bundle, config)
                if number == 1:
                    back = cut - 40
                    await writer.revert(CHAIN_ID, back)
                    read, rows = reading.read()
                    assert rows.chains[0].head == back
                    same(read, rows, known, reader, bundle, config)
                    await chain.extend(back + 1, cut)
                    same(*reading.read(), known, reader, bundle, config)
                await writer.finalize(CHAIN_ID, cut - 50)
                at = cut
                shown, anew = snapshot(reader, bundle, config, onward=onward), snapshot(reader, bundle, config)
                assert (shown.leads, shown.findings, shown.chains) == (anew.leads, anew.findings, anew.chains)
                assert_frame_equal(shown.wallets, anew.wallets)
                assert_frame_equal(shown.lease_events, anew.lease_events, check_row_order=False)
            before = reading.anew
            read, rows = reading.read()
            same(read, rows, known, reader, bundle, config)
            assert reading.anew == before == 1
            assert 0 < rows.logs.height < read.events.height / 2
            await chain.extend(0, cuts[1], late=True)
            same(*reading.read(), known, reader, bundle, config)
            assert reading.anew == before + 1


def answer(chance, first):
    block = chance.randrange(chance.choice([0, first]), BLOCKS)
    told = chance.choice([(None, "missing trie node"), (b"x", None), (b"y", None)])
    return chance.choice([1, 2]), block, chance.choice(["call", "code"]), bytes([chance.randrange(3)]) * 20, b"", *told


async def test_what_was_asked_beside_logs_is_read_on(tmp_path: Path):
    _, config, bundle = played(1, tmp_path)
    chance, final, path = random.Random(7), {1: -1, 2: -1}, Path(config.ledger.path)
    async with Writer(path) as writer:
        for chain_id in final:
            await writer.put_chain(chain_id, str(chain_id))
            headers = [Header(number, bytes([chain_id, number]) * 16, bytes(32), number) for number in range(BLOCKS)]
            await writer.extend(chain_id, headers)
        with Reader(path) as reader:
            reading, on = Reading(reader, bundle), 0
            for look in range(BLOCKS):
                # answers as of old blocks too, some in the place of a failure
                await writer.put_reads([answer(chance, look) for _ in range(chance.randrange(3))])
                chain_id = chance.choice([1, 2])
                if chance.randrange(3) == 0:
                    await writer.revert(chain_id, chance.randrange(final[chain_id] + 1, BLOCKS))
                final[chain_id] = min(BLOCKS - 1, final[chain_id] + chance.randrange(4))
                await writer.finalize(chain_id, final[chain_id])
                with patch.object(reader, "reads_frame", wraps=reader.reads_frame) as asked:
                    _, rows = reading.read()
                on += any(call.kwargs["above"] for call in asked.call_args_list)
                for mine, whole in zip((rows.reads, rows.about), parted(reader.reads_frame()), strict=True):
                    assert_frame_equal(mine, whole)
            assert 0 < on < BLOCKS


async def test_transfers_of_final_blocks_are_taken_out_of_the_pages_that_bring_them(tmp_path: Path):
    twin, config, bundle = played(3, tmp_path)
    head = len(twin.headers)
    money = {address for _, address in bundle.tokens}
    paid = [log for log in twin.logs if log.address in money and log.topics[0] == TRANSFER]
    late = [log for log in paid if log.block_number % LATE == 0]
    moved = [item for item in twin.transfers if item.block_number % LATE == 1]
    early = [log for log in twin.logs if log not in late]
    others = [item for item in twin.transfers if item not in moved]
    times = {header.number: header for header in twin.headers}

    def page(name, logs, transfers):
        used = {row.block_number for row in (*logs, *transfers)}
        headers = tuple(times[number] for number in sorted(used))
        return Page(headers, log_rows(logs), tuple(transfers), {name: Span(0, head - 9)})

    async with Writer(Path(config.ledger.path)) as writer:
        await writer.put_chain(CHAIN_ID, "local")
        await writer.extend(CHAIN_ID, twin.headers, log_rows(early), others, {"early": Span(0, head + 1)})
        await writer.finalize(CHAIN_ID, head - 10)
        with Reader(Path(config.ledger.path)) as reader:
            reading, known = Reading(reader, bundle), Known.nothing()
            for _ in range(2):
                read, rows = reading.read()
                same(read, rows, known, reader, bundle, config)
            assert rows.since == {CHAIN_ID: head - 10}
            some = [log for log in late if log.block_number < head - 10]
            # the second page brings again what the first brought, as the transfers of two wallets do
            pages = [page("one", some[::2], moved[::2]), page("two", some, [])]
            native = [item for item in moved[::2] if item.block_number <= head - 10]
            counts = len(some[::2]) + len(native), len(some[1::2])
            # a page may be heard of long before the ledger has it
            for number, each in enumerate(pages):
                reading.heard(CHAIN_ID, each)
                read, rows = reading.read()
                assert rows.late.is_empty()
                await writer.put_pages(CHAIN_ID, [each])
                read, rows = reading.read()
                assert rows.since == {CHAIN_ID: head - 10}
                assert rows.late.height == counts[number]
                same(read, rows, known, reader, bundle, config)
            assert reading.anew == 1
            # what nobody told of is read anew
            await writer.put_pages(
                CHAIN_ID, [page("three", [], [item for item in moved if item.block_number < head - 10])]
            )
            same(*reading.read(), known, reader, bundle, config)
            assert reading.anew == 2


async def test_final_blocks_that_were_read_again_are_not_held(tmp_path: Path):
    twin, config, bundle = played(4, tmp_path)
    head = len(twin.headers)
    covered = {"all": Span(0, head + 1)}
    money = {address for _, address in bundle.tokens}
    paid = next(log for log in twin.logs if log.address in money and log.topics[0] == TRANSFER)
    wrong = [log._replace(data=bytes(31) + b"\x01") if log is paid else log for log in twin.logs]
    async with Writer(Path(config.ledger.path)) as writer:
        await writer.put_chain(CHAIN_ID, "local")
        await writer.extend(CHAIN_ID, twin.headers, log_rows(wrong), twin.transfers, covered)
        await writer.finalize(CHAIN_ID, head - 10)
        with Reader(Path(config.ledger.path)) as reader:
            reading, known = Reading(reader, bundle), Known.nothing()
            for _ in range(2):
                same(*reading.read(), known, reader, bundle, config)
            # as many rows as before, and final as far
            above = [header for header in twin.headers if header.number >= paid.block_number]
            logs = [log for log in twin.logs if log.block_number >= paid.block_number]
            moved = [item for item in twin.transfers if item.block_number >= paid.block_number]
            await writer.reopen(CHAIN_ID, paid.block_number - 1)
            await writer.extend(CHAIN_ID, above, log_rows(logs), moved, covered)
            await writer.finalize(CHAIN_ID, head - 10)
            same(*reading.read(), known, reader, bundle, config)
