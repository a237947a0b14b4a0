"""Writer and reader: what goes in comes out, and what cannot be is refused in one line."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.errors import DeepReorg, InputError, LedgerError, LedgerLocked, LedgerNewer
from monitor.ledger.reader import Reader
from monitor.ledger.rows import Conflict, EndpointRow, OutboxRow, QuarantineRow, Report, UpgradeRow
from monitor.ledger.schema import copy_log, open_writer
from monitor.ledger.writer import Writer, record_disposition
from monitor.model.chain import BlockRef, Extended, Finalized, Reverted
from monitor.model.page import log_rows
from monitor.model.span import Span, Spans
from tests.ledger.conftest import finding, header, headers, lead, log, transfer


async def test_rows_come_back_as_they_went_in(path):
    topics = [b"", b"x" * 32, b"xy" * 32, b"xyz" * 32, b"wxyz" * 32]
    logs = [log(5, n, topics=tuple(t[i : i + 32] for i in range(0, len(t), 32))) for n, t in enumerate(topics)]
    hostile = log(6, address=b"b" * 20, data=b"\x00\xff\x1b[31m" * 1000)
    async with Writer(path) as writer:
        await writer.put_chain(1, "local")
        await writer.extend(1, headers(0, 9))
        await writer.extend(1, [], log_rows([*logs, hostile]), [transfer(7, value=2**255)], {"logs:aa": Span(0, 9)})
        await writer.extend(2, [header(3)], log_rows([log(3)]))
        with Reader(path) as reader:
            frame = reader.logs_frame()
            assert frame.columns == [
                "chain_id", "block_number", "block_time", "block_hash", "tx_hash", "tx_index", "log_index", "address",
                "topics", "data",
            ]  # fmt: skip
            assert frame["chain_id"].to_list() == [1] * 6 + [2]
            assert frame["topics"].to_list()[:5] == [list(item.topics) for item in logs]
            assert frame["data"][5] == hostile.data
            assert frame["block_time"].to_list() == [1005] * 5 + [1006, 1003]
            assert frame["block_hash"][5] == header(6).hash
            native = reader.transfers_frame()
            assert native["value"].to_list() == [None]
            assert native["value_exact"].to_list() == [str(2**255)]
            assert len(reader.window(1).known) == 9
            assert reader.coverage(1) == {"logs:aa": Spans.of(0, 9)}
            assert reader.coverage(3) == {}
            chain = reader.chains()[0]
            assert (chain.name, chain.head, chain.head_hash, chain.head_time) == ("local", 8, header(8).hash, 1008)


async def test_frames_are_limited(path):
    async with Writer(path) as writer:
        logs = [log(n, topics=(bytes([n]) * 32,), address=bytes([n % 2]) * 20) for n in range(9)]
        for chain in (1, 2):
            await writer.extend(chain, headers(0, 9), log_rows(logs), [transfer(n, value=n) for n in range(9)])
    with Reader(path) as reader:

        def numbers(**limits: Any) -> list[int]:
            return reader.logs_frame(**limits).filter(chain_id=1)["block_number"].to_list()

        assert numbers(upto={1: 3}) == [0, 1, 2, 3]
        assert numbers(above={1: 6}, upto={1: 7, 2: 0}) == [7]
        assert numbers(addresses=[b"\x01" * 20]) == [1, 3, 5, 7]
        assert numbers(topic0=[b"\x04" * 32, b"\x08" * 32]) == [4, 8]
        assert numbers(topic0=[]) == []
        assert reader.logs_frame(upto={1: 3}).height == 4 + 9
        assert reader.transfers_frame(upto={1: 2, 2: -1})["value"].to_list() == [Decimal(0), Decimal(1), Decimal(2)]
        assert reader.blocks_at(1004) == {1: 4, 2: 4}
        assert reader.blocks_at(5) == {1: -1, 2: -1}
        nothing = reader.logs_frame(upto=reader.blocks_at(5))
        assert nothing.height == 0
        assert nothing.schema == reader.logs_frame().schema


async def test_changes(path):
    async with Writer(path) as writer:
        await writer.apply(Extended(1, tuple(headers(0, 9))))
        await writer.extend(
            1, [], log_rows([log(n) for n in range(9)]), [transfer(8)], {"a": Span(0, 9), "b": Span(7, 9)}
        )
        await writer.put_judgement([], [], [], [quarantined(8), quarantined(2)], [upgraded(8), upgraded(2)])
        await writer.apply(Reverted(1, BlockRef(5, header(5).hash)))
        with Reader(path) as reader:
            assert reader.coverage(1) == {"a": Spans.of(0, 6)}
            assert reader.logs_frame()["block_number"].to_list() == [0, 1, 2, 3, 4, 5]
            assert reader.transfers_frame().height == 0
            assert reader.quarantine() == [quarantined(2)]
            assert reader.upgrades() == [upgraded(2)]
            assert reader.status().upgrades == ()
            assert reader.chains()[0].head == 5
            assert reader.window(1).finalized == -1
        await writer.apply(Finalized(1, 4))
        with Reader(path) as reader:
            window = reader.window(1)
            assert (window.finalized, window.known) == (4, (header(4), header(5)))
        with pytest.raises(DeepReorg):
            await writer.revert(1, 3)


async def test_finality_drops_headers_nobody_needs(path):
    async with Writer(path) as writer:
        await writer.extend(1, headers(0, 9), log_rows([log(2)]), [transfer(4)])
        await writer.finalize(1, 6)
        await writer.finalize(1, 3)
        await writer.extend(1, headers(0, 9))
        with Reader(path) as reader:
            assert reader._rows("SELECT number FROM headers") == [(2,), (4,), (6,), (7,), (8,)]
            assert reader.chains()[0].finalized == 6


async def test_upgrades_since_the_last_verification_are_in_the_status(path):
    new, old, admin = upgraded(3, unseen=True), upgraded(2), upgraded(4, unseen=True, changed=False)
    async with Writer(path) as writer:
        await writer.put_judgement([], [], upgrades=[admin, new, old])
        await writer.put_judgement([], [])
        with Reader(path) as reader:
            assert reader.upgrades() == [old, new, admin]
            assert reader.status().upgrades == (new,)
        await writer.put_judgement([], [], upgrades=[old])
        with Reader(path) as reader:
            assert reader.upgrades() == [old]


def upgraded(number: int, *, changed: bool = True, unseen: bool = False) -> UpgradeRow:
    return UpgradeRow(
        chain_id=1,
        contract=b"c" * 20,
        block_number=number,
        log_index=0,
        block_time=1000 + number,
        tx_hash=b"x" * 32,
        market="m",
        role="r",
        event="Upgraded",
        detail="0x" + "ab" * 20,
        verified="2026-11-22",
        changed=changed,
        unseen=unseen,
    )


def quarantined(number: int) -> QuarantineRow:
    return QuarantineRow(chain_id=1, block_number=number, log_index=0, market="m", role="r", reason="no")


@pytest.mark.parametrize(
    ("new_headers", "new_logs"),
    [
        ([header(5, branch=1)], []),
        ([], [log(5, 1, branch=1)]),
        ([], [log(5, 0, data=b"other")]),
        ([header(9), header(9, branch=1)], []),
        ([header(9)], [log(9, branch=1)]),
    ],
)
async def test_contradictions_are_refused_whole(path, new_headers, new_logs):
    async with Writer(path) as writer:
        await writer.extend(1, headers(0, 9), log_rows([log(5)]), (), {"a": Span(0, 6)})
        with pytest.raises(Conflict):
            await writer.extend(1, new_headers, log_rows([log(6), *new_logs]), (), {"a": Span(6, 9)})
        with Reader(path) as reader:
            assert reader.coverage(1) == {"a": Spans.of(0, 6)}
            assert reader.logs_frame()["data"].to_list() == [b"data"]


async def test_rows_need_their_header(path):
    async with Writer(path) as writer:
        with pytest.raises(LedgerError, match="without its header"):
            await writer.extend(1, headers(0, 3), log_rows([log(5)]))


async def test_judgement_is_replaced_and_dispositions_survive(path):
    async with Writer(path) as writer:
        await writer.put_judgement([finding(), finding("finding-2")], [lead(), lead("lead-2")])
        record_disposition(path, "lead-1", "acknowledged", "", "ann", 5)
        record_disposition(path, "lead-1", "dismissed", "payroll", "bob", 6)
        await writer.put_judgement([finding(state="retracted")], [lead(score=70)])
        with Reader(path) as reader:
            assert reader.findings() == [finding(state="retracted")]
            assert reader.leads() == [lead(score=70, disposition="dismissed", reason="payroll", reviewer="bob")]
            assert [row.reviewer for row in reader.dispositions()] == ["ann", "bob"]
        with pytest.raises(InputError, match="no lead lead-9"):
            record_disposition(path, "lead-9", "dismissed", "", "ann", 5)
        with pytest.raises(InputError, match="no lead lead-2"):
            record_disposition(path, "lead-2", "dismissed", "", "ann", 5)


async def test_outbox(path):
    def alert(name: str, **changes: Any) -> OutboxRow:
        values: dict[str, Any] = {
            "lead_id": "lead-1",
            "sink": "team",
            "kind": "opened",
            "sequence": 1,
            "payload": b"{}",
            **changes,
        }
        return OutboxRow(alert_id=name, **values)

    async with Writer(path) as writer:
        await writer.put_judgement([], [], [alert("b", next_at=9.0), alert("a"), alert("a", sink="other")])
        await writer.put_judgement([], [], [alert("a", payload=b"changed")])
        assert [(row.alert_id, row.sink) for row in await writer.due(5.0)] == [("a", "other"), ("a", "team")]
        done = msgspec.structs.replace(alert("a"), state="delivered", attempts=1, first_at=6.0, delivered_at=7.0)
        await writer.update_delivery([done])
        assert [(row.alert_id, row.sink) for row in await writer.due(10.0)] == [("a", "other"), ("b", "team")]
        with Reader(path) as reader:
            assert reader.outbox()[1] == done
            assert reader.status().alerts == {"delivered": 1, "pending": 2}


async def test_reports(path):
    async with Writer(path) as writer:
        await writer.put_chain(1, "local")
        endpoint = EndpointRow(chain_id=1, label="https://e/***", health="ok", calls=7, faults={"down": 2})
        await writer.put_report(1, Report(node_head=99, reorgs=2, state="following", endpoints=(endpoint,)))
        await writer.put_meta({"version": "1"})
        await writer.put_meta({"version": "2"})
        await writer.extend(1, headers(0, 9), log_rows([log(1)]), (), {"a": Span(0, 2), "b": Span(0, 9)})
        await writer.extend(1, coverage={"a": Span(5, 9)})
        with Reader(path) as reader:
            status = reader.status()
            assert status.chains[0].node_head == 99
            assert status.chains[0].reorgs == 2
            assert status.endpoints == (endpoint,)
            assert status.meta == {"version": "2"}
            assert status.missing == {1: 3}
            assert status.logs == {1: 1}


async def test_reader_sees_commits_of_others(path):
    async with Writer(path) as writer:
        with Reader(path) as reader:
            before = reader.data_version()
            assert reader.data_version() == before
            await writer.extend(1, headers(0, 2))
            assert reader.data_version() != before
            with reader.snapshot():
                assert len(reader.window(1).known) == 2
                await writer.extend(1, headers(2, 4), log_rows([log(3)]))
                assert len(reader.window(1).known) == 2
                assert reader.logs_frame().height == 0
                assert reader.leads() == []
            assert len(reader.window(1).known) == 4


async def test_second_writer_is_locked_out_by_pid(path):
    async with Writer(path) as writer:
        with pytest.raises(LedgerLocked, match=f"process {os.getpid()}") as caught:
            await Writer(path).__aenter__()
        assert "--ledger" in caught.value.hint
        await writer.put_chain(1, "still")
    async with Writer(path) as writer:
        await writer.put_chain(1, "again")


async def test_unwritable_folder(path):
    path.parent.chmod(0o555)
    try:
        if os.access(path.parent, os.W_OK):
            pytest.skip("this user may write anywhere")
        with pytest.raises(LedgerError, match="cannot be"):
            await Writer(path).__aenter__()
    finally:
        path.parent.chmod(0o755)


async def test_missing_folder(tmp_path):
    with pytest.raises(LedgerError, match="cannot be used"):
        await Writer(tmp_path / "none" / "monitor.db").__aenter__()
    with pytest.raises(LedgerError, match="no ledger"):
        Reader(tmp_path / "none" / "monitor.db")
    with pytest.raises(LedgerError, match="no ledger"):
        record_disposition(tmp_path / "none.db", "lead-1", "dismissed", "", "a", 1)
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "monitor.db.lock").mkdir()
    with pytest.raises(LedgerError, match="cannot be used"):
        await Writer(tmp_path / "monitor.db").__aenter__()


async def test_full_disk_loses_nothing(path):
    async with Writer(path) as writer:
        await writer.extend(1, headers(0, 3), log_rows([log(1)]), (), {"a": Span(0, 2)})

        def squeeze() -> None:
            connection = writer._connection
            assert connection is not None
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages}")

        await run_in_writer(writer, squeeze)
        with pytest.raises(LedgerError, match="no space left"):
            await writer.extend(1, [], log_rows([log(2, data=b"x" * 10**6)]), (), {"a": Span(2, 3)})
    with Reader(path) as reader:
        assert reader.coverage(1) == {"a": Spans.of(0, 2)}
        assert reader.logs_frame().height == 1


async def run_in_writer(writer: Writer, work: Callable[[], None]) -> None:
    # Page limits cannot change inside a transaction: close the one around this call.
    def between(connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        work()
        connection.execute("BEGIN")

    await writer._write(between)


async def test_damaged_and_foreign_files(path):
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    for opening in (Writer(path).__aenter__, lambda: opened(path)):
        with pytest.raises(LedgerError, match="damaged or no SQLite file"):
            await opening()
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    for opening in (Writer(path).__aenter__, lambda: opened(path)):
        with pytest.raises(LedgerError, match="not a ledger of this program"):
            await opening()


async def test_what_contracts_moved_stands_beside_its_transaction(path):
    moved = [transfer(2)._replace(trace=trace, nonce=None, value=9) for trace in ("0", "0.10", "0.2")]
    async with Writer(path) as writer:
        for _ in range(2):
            await writer.extend(1, headers(0, 4), transfers=[transfer(2), *moved, transfer(3)])
        with Reader(path) as reader:
            found = reader.transfers_frame()
            assert found.select("block_number", "value_exact", "nonce").rows() == [
                (2, "1", 3), (2, "9", None), (2, "9", None), (2, "9", None), (3, "1", 3),
            ]  # fmt: skip
            with pytest.raises(Conflict):
                await writer.extend(1, headers(0, 4), transfers=[moved[0]._replace(value=8)])
            await writer.revert(1, 1)
            assert reader.transfers_frame().is_empty()


async def test_torn_file(path):
    async with Writer(path) as writer:
        await writer.extend(1, headers(0, 200), log_rows([log(n, data=b"x" * 5000) for n in range(200)]))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) // 2))
    with pytest.raises(LedgerError, match="damaged"), Reader(path) as reader:
        reader.logs_frame()


async def test_newer_schema(path):
    async with Writer(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    for opening in (Writer(path).__aenter__, lambda: opened(path)):
        with pytest.raises(LedgerNewer, match="schema 99") as caught:
            await opening()
        assert "upgrade" in caught.value.hint


async def opened(path: Path) -> Reader:
    return Reader(path)


async def test_readable_without_writer_in_a_read_only_folder(path):
    async with Writer(path) as writer:
        await writer.extend(1, headers(0, 3))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with Reader(path) as reader:
            assert len(reader.window(1).known) == 3
    finally:
        path.parent.chmod(0o755)


WRITE_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from monitor.ledger.writer import Writer
from monitor.model.page import log_rows
from monitor.model.span import Span
from tests.ledger.conftest import header, log

async def main():
    async with Writer(Path(sys.argv[1])) as writer:
        await writer.extend(1, [header(n) for n in range(200)])
        print("ready", flush=True)
        for turn in range(10_000):
            for n in range(200):
                await writer.extend(1, [], log_rows([log(n, i) for i in range(20)]), (), {"a": Span(n, n + 1)})
            await writer.revert(1, turn % 100)
            await writer.extend(1, [header(n) for n in range(200)])

asyncio.run(main())
"""


def killed(path: Path, milliseconds: int) -> None:
    """Write in another process and kill it after a while."""
    with subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(milliseconds / 1000)
        finally:
            child.send_signal(signal.SIGKILL)


def check_rows_and_coverage(path: Path) -> None:
    with Reader(path) as reader:
        logs = reader.logs_frame()
        covered = [n for span in reader.coverage(1).get("a", Spans()) for n in range(span.start, span.stop)]
        assert logs["block_number"].to_list() == [n for n in covered for _ in range(20)]
        assert logs["block_hash"].null_count() == 0


@pytest.mark.parametrize("milliseconds", [3, 17, 41, 95, 160])
async def test_killed_at_any_time_coverage_and_rows_agree(path, milliseconds):
    await asyncio.to_thread(killed, path, milliseconds)
    check_rows_and_coverage(path)
    async with Writer(path) as writer:
        await writer.extend(1, headers(0, 200))
    check_rows_and_coverage(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_write_ahead_log_is_copied_while_the_writer_is_open(path):
    def in_file() -> int:
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as file:
            return int(file.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])

    with closing(open_writer(path)):
        assert in_file() == 0
        copy_log(path)
        assert in_file() > 0
    copy_log(path.with_name("missing") / "ledger.db")
