"""Answers beside logs: kept once, better than a failure, and forgotten with their block."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.schema import READS

TARGET = b"\x01" * 20
OLD, NEW = ((1, block, "call", TARGET, b"q", b"a", None) for block in (5, 6))
REFUSED = (1, 6, "call", TARGET, b"r", None, "execution reverted")
UNKNOWN = (1, 6, "call", TARGET, b"s", None, "missing trie node")


def rows(path: Path) -> list[tuple[object, ...]]:
    with Reader(path) as reader:
        frame = reader.reads_frame()
        assert dict(frame.schema) == READS
        return frame.rows()


async def test_an_answer_stays_and_replaces_a_failure(tmp_path):
    path = tmp_path / "ledger.db"
    async with Writer(path) as writer:
        await writer.put_reads([OLD, UNKNOWN])
        await writer.put_reads([(*OLD[:5], b"other", None), (*UNKNOWN[:5], b"now", None)])
        assert rows(path) == [OLD, (*UNKNOWN[:5], b"now", None)]


async def test_a_reverted_block_takes_its_answers_along(tmp_path):
    path = tmp_path / "ledger.db"
    async with Writer(path) as writer:
        await writer.put_reads([OLD, NEW, REFUSED])
        await writer.put_reads([(2, *NEW[1:])])
        await writer.revert(1, 5)
        assert rows(path) == [OLD, (2, *NEW[1:])]
        with Reader(path) as reader:
            assert reader.reads_frame({1: 4}).height == 1


async def test_what_a_node_could_not_tell_is_asked_again_but_not_what_a_contract_refused(tmp_path):
    path = tmp_path / "ledger.db"
    async with Writer(path) as writer:
        await writer.put_reads([OLD, REFUSED, UNKNOWN])
        await writer.forget_failures()
        assert rows(path) == [OLD, REFUSED]


async def test_answers_about_fees_of_an_older_form_are_asked_for_again(tmp_path):
    path = tmp_path / "ledger.db"
    short, whole, code = (
        (1, 5, kind, b"", payload, b"r" * size, None)
        for kind, payload, size in (("fee", b"s", 37), ("fee", b"w", 57), ("code", b"c", 37))
    )
    async with Writer(path) as writer:
        await writer.put_reads([short, whole, code])
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("DROP TABLE silences")
        old.execute("ALTER TABLE chains DROP COLUMN native_way")
        old.execute("PRAGMA user_version=6")
    async with Writer(path):
        assert rows(path) == [code, whole]
