"""Segments: finalised logs in files, read as one with the tail, and no loss whatever happens to a file or a process."""

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.errors import DeepReorg, LedgerError
from monitor.ledger import store
from monitor.ledger.reader import Reader
from monitor.ledger.rows import Conflict
from monitor.ledger.schema import segment_folder
from monitor.ledger.writer import Writer, record_disposition
from monitor.model.page import Page, log_rows
from monitor.model.span import Span, Spans
from tests.ledger.conftest import header, headers, log, transfer


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_ROWS", 10)


def files(path: Path) -> list[str]:
    folder = segment_folder(path)
    return sorted(item.name for item in folder.iterdir()) if folder.exists() else []


def page(start: int, stop: int, *, each: int = 2, key: str = "a", address: bytes = b"a" * 20, first: int = 0) -> Page:
    """Logs that bring their time, of blocks that need no header."""
    logs = [
        log(n, first + i, address=address, topics=(bytes([n]) * 32,))._replace(block_time=1000 + n)
        for n in range(start, stop)
        for i in range(each)
    ]
    return Page((), log_rows(logs), (), {key: Span(start, stop)})


async def started(writer: Writer, head: int = 99, final: int = 80) -> None:
    await writer.extend(1, headers(0, head + 1))
    await writer.finalize(1, final)


async def test_many_final_rows_become_a_segment_and_few_stay_in_the_tail(path, monkeypatch):
    monkeypatch.setattr(store, "SEGMENT_ROWS", 40)
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 3), page(3, 9)])
        assert len(files(path)) == 1
        await writer.put_pages(1, [page(9, 12)])
        await writer.extend(
            1, headers(90, 95), log_rows([log(90 + n, 0) for n in range(5)] * 1), (), {"a": Span(90, 95)}
        )
        assert len(files(path)) == 1
        with Reader(path) as reader:
            frame = reader.logs_frame()
            assert frame["block_number"].to_list() == [n for n in range(12) for _ in range(2)] + [90, 91, 92, 93, 94]
            assert frame["block_time"].to_list() == [1000 + n for n in frame["block_number"]]
            assert frame["block_hash"].to_list() == [header(n).hash for n in frame["block_number"]]
            assert frame["topics"][0].to_list() == [bytes(32)]
            assert reader.status().logs == {1: 29}
            assert reader.coverage(1) == {"a": Spans([Span(0, 12), Span(90, 95)])}
            assert reader._rows("SELECT number FROM headers WHERE number < 80") == [(9,), (10,), (11,)]


async def test_the_tail_is_sealed_when_it_holds_enough_final_rows(path):
    async with Writer(path) as writer:
        await started(writer, final=5)
        for n in range(6, 30):
            await writer.extend(1, [], log_rows([log(n, 0)]), [transfer(n)] if n == 9 else [], {"a": Span(n, n + 1)})
        assert files(path) == []
        with Reader(path) as reader:
            before = reader.logs_frame()
            await writer.finalize(1, 14)
            assert files(path) == []
            await writer.finalize(1, 20)
            assert len(files(path)) == 1
            assert_frame_equal(reader.logs_frame(), before)
            assert reader.transfers_frame()["block_time"].to_list() == [1009]
            assert reader.status().logs == {1: 24}
            assert reader._rows("SELECT count(*) FROM logs") == [(14,)]
            with pytest.raises(DeepReorg):
                await writer.revert(1, 12)
            await writer.revert(1, 20)
            assert reader.logs_frame()["block_number"].to_list() == list(range(6, 21))


async def test_scans_are_in_chain_order_however_the_rows_came(path):
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(20, 30), page(0, 9)])
        await writer.put_pages(1, [page(5, 25, key="b", address=b"b" * 20, first=2)])
        await writer.put_pages(1, [page(12, 13, each=1)])
        assert len(files(path)) == 2
        places = [(n, i) for n in range(30) for i in range(4)]
        with Reader(path) as reader:
            found = reader.scan(["block_number", "log_index"]).rows()
            assert found == [place for place in places if place in set(found)]
            assert len(found) == reader.status().logs[1] == 79


async def test_scans_read_what_is_asked_for_wherever_it_stands(path):
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 20), page(10, 30, key="b", address=b"b" * 20, first=2)])
        await writer.put_pages(2, [Page(tuple(headers(3, 4)), log_rows([log(3)]))])
        await writer.put_pages(1, [page(70, 74)])
    with Reader(path) as reader:

        def numbers(**limits):
            return sorted(set(reader.logs_frame(**limits).filter(chain_id=1)["block_number"]))

        assert numbers(above={1: 17}, upto={1: 71}) == [*range(18, 30), 70, 71]
        assert numbers(addresses=[b"b" * 20]) == list(range(10, 30))
        assert numbers(topic0=[bytes([5]) * 32, bytes([71]) * 32]) == [5, 71]
        assert reader.logs_frame(upto={1: 3})["chain_id"].to_list() == [1] * 8 + [2]
        found = reader.scan(["log_index", "block_number"], pl.col("block_number") == 12, chain_id=1)
        assert found.rows() == [(0, 12), (1, 12), (2, 12), (3, 12)]
        assert reader.blocks_at(1015) == {1: 15, 2: 3}
        assert reader.blocks_at(1050) == {1: 29, 2: 3}
        assert reader.blocks_at(1071) == {1: 71, 2: 3}
        assert reader.blocks_at(999) == {1: -1, 2: -1}
        assert reader.heads({1: 15}) == {1: (15, header(15).hash, 1015)}
        assert reader.heads({1: 98}) == {1: (98, header(98).hash, 1098)}


async def test_a_replay_changes_nothing_and_a_contradiction_is_refused(path):
    async with Writer(path) as writer:
        await started(writer)
        pages = [page(0, 20), page(10, 40, key="b", address=b"b" * 20, first=2)]
        await writer.put_pages(1, pages)
        with Reader(path) as reader:
            before = reader.logs_frame()
            names = files(path)
            await writer.put_pages(1, pages)
            await writer.put_pages(1, pages[1:])
            await writer.put_pages(1, [page(5, 7)])
            assert_frame_equal(reader.logs_frame(), before)
            assert files(path) == names
        other = pages[0].logs.with_columns(
            pl.when(block_number=7).then(b"\1" * 32).otherwise("block_hash").alias("block_hash")
        )
        late = pages[0].logs.with_columns(pl.when(block_number=7).then(5).otherwise("block_time").alias("block_time"))
        edited = pages[0].logs.with_columns(data=pl.lit(b"other"))
        for logs in (other, late, edited, edited.filter(block_number=7), edited.filter(block_number=7).head(1)):
            with pytest.raises(Conflict, match=r"block [07] of chain 1"):
                await writer.put_pages(1, [Page((), logs, (), {"c": Span(0, 20)})])
        with pytest.raises(Conflict, match="block 3"):
            await writer.extend(1, [header(3, branch=1)])
        moved = edited.with_columns(block_number=pl.lit(50, pl.Int64))
        with pytest.raises(Conflict, match="block 50"):
            await writer.put_pages(1, [page(50, 52), page(50, 51)._replace(logs=moved)])
        with Reader(path) as reader:
            assert set(reader.coverage(1)) == {"a", "b"}


async def test_a_final_row_without_time_or_header_is_refused(path):
    async with Writer(path) as writer:
        await started(writer)
        bare = page(0, 20).logs.with_columns(block_time=pl.lit(None, pl.Int64))
        with pytest.raises(LedgerError, match="without its header"):
            await writer.put_pages(1, [Page((), bare)])
        assert files(path) == []


async def test_files_nobody_names_go_when_the_writer_opens(path):
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 20)])
    folder = segment_folder(path)
    kept = files(path)
    (folder / "1-5-9-00000000.parquet").write_bytes(b"left by a kill")
    (folder / "1-5-9-00000001.parquet.part").write_bytes(b"left by a kill")
    (folder / "notes.txt").write_bytes(b"somebody's own")
    with Reader(path) as reader:
        assert reader.logs_frame().height == 40
    async with Writer(path):
        assert files(path) == sorted([*kept, "notes.txt"])


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def altered(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [(Path.unlink, "is missing"), (torn, "is torn or was altered"), (altered, "is torn or was altered")],
)
async def test_a_damaged_segment_is_one_clear_error(path, damage, words):
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 20)])
        await writer.put_pages(1, [page(20, 40)])
    with Reader(path) as reader:
        assert reader.prove() == 2
    damage(next(segment_folder(path).glob("1-20-39-*")))
    with Reader(path) as reader:
        with pytest.raises(LedgerError, match=words):
            reader.prove()
        assert reader.status().logs == {1: 80}
        assert reader.logs_frame(upto={1: 15}).height == 32
        with pytest.raises(LedgerError, match=words) as caught:
            reader.logs_frame()
        assert "1-20-39-" in caught.value.message
        assert "monitor prune --chain 1 --above 19" in caught.value.hint


async def test_a_file_that_cannot_be_written_loses_nothing(path, monkeypatch):
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 20)])

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(LedgerError, match="no space left"):
                await writer.put_pages(1, [page(20, 40)])
        assert len(files(path)) == 1, "nothing half-written stays"
        await writer.put_pages(1, [page(20, 30)])
    with Reader(path) as reader:
        assert reader.coverage(1) == {"a": Spans.of(0, 30)}
        assert reader.logs_frame().height == 60


WRITE_UNTIL_FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from monitor.errors import LedgerError
from monitor.ledger import store
from monitor.ledger.writer import Writer
from tests.ledger.test_segments import page, started

store.SEGMENT_ROWS = 10

async def main():
    async with Writer(Path(sys.argv[1])) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 20)])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        await writer.put_pages(1, [page(20, 60, each=9)])

try:
    asyncio.run(main())
except LedgerError as error:
    sys.exit(error.message)
"""


def test_a_file_size_limit_is_a_clear_error_and_loses_nothing(path):
    command = [sys.executable, "-c", WRITE_UNTIL_FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "no space left" in done.stderr
    with Reader(path) as reader:
        assert reader.coverage(1) == {"a": Spans.of(0, 20)}
        assert reader.logs_frame().height == 40


async def test_an_older_ledger_is_upgraded_by_the_writer_and_only_by_it(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript((Path(__file__).parent / "schema_1.sql").read_text())
        old.execute("PRAGMA application_id=0x434D4D4C")
        old.execute("PRAGMA user_version=1")
        old.execute("INSERT INTO chains VALUES (1, 'old', 30, 20)")
        for n in range(31):
            old.execute("INSERT INTO headers VALUES (1, ?, ?, ?, ?)", header(n)[:1] + header(n)[1:4])
            old.execute("INSERT INTO logs VALUES (1, ?, 0, 0, ?, ?, ?, x'01')", (n, b"x" * 32, b"a" * 20, b"t" * 32))
        old.execute("INSERT INTO native VALUES (1, 9, 2, ?, ?, ?, '77', 5)", (b"y" * 32, b"s" * 20, b"r" * 20))
        old.execute("INSERT INTO leads VALUES ('lead-1', x'7b7d')")
        old.execute("INSERT INTO coverage VALUES (1, 'a', 0, 31)")
    with pytest.raises(LedgerError, match="has schema 1, this program reads") as caught:
        Reader(path)
    assert "upgrades it" in caught.value.hint
    record_disposition(path, "lead-1", "dismissed", "", "ann", 5)
    async with Writer(path) as writer:
        with Reader(path) as reader:
            assert reader.logs_frame()["block_number"].to_list() == list(range(31))
            assert reader.status().logs == {1: 31}
            assert reader.transfers_frame().select("tx_index", "value_exact", "nonce").rows() == [(2, "77", 5)]
            assert [row.reviewer for row in reader.dispositions()] == ["ann"]
            await writer.finalize(1, 25)
            assert len(files(path)) == 1
            assert reader.logs_frame()["block_time"].to_list() == list(range(1000, 1031))
            await writer.finalize(1, 26)
            assert len(files(path)) == 2
            assert reader.coverage(1) == {"a": Spans.of(0, 31)}
