"""Prune and backup: what is not needed goes, what is lost is read again, and a copy is whole while a daemon writes."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from monitor.errors import InputError, LedgerError, LedgerLocked
from monitor.ledger import store
from monitor.ledger.care import backup, prune, prune_above
from monitor.ledger.reader import Reader
from monitor.ledger.schema import segment_folder
from monitor.ledger.writer import Writer
from monitor.model.page import log_rows
from monitor.model.span import Span, Spans
from monitor.sync.fragment import TRANSFER, contract_fragment, events_fragment, native_fragment, transfers_fragment
from tests.ledger.conftest import headers, log, transfer
from tests.ledger.test_segments import altered, files, page, started

A, B = b"a" * 20, b"b" * 20
KEYS = [f"logs:{address.hex()}" for address in (A, B)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_ROWS", 10)


@pytest.fixture
async def filled(path: Path) -> Path:
    """Two contracts: A in two segments, B in one of them and in the tail; some of the tail is not final."""
    async with Writer(path) as writer:
        await started(writer)
        await writer.put_pages(1, [page(0, 20, key=KEYS[0])])
        await writer.put_pages(1, [page(20, 30, key=KEYS[0]), page(20, 30, key=KEYS[1], address=B, first=5)])
        await writer.put_pages(1, [page(60, 62, key=KEYS[1], address=B)])
        await writer.extend(1, headers(90, 92), log_rows([log(90)]), [transfer(91)], {KEYS[0]: Span(85, 95)})
    return path


async def test_prune_forgets_what_no_market_names(filled):
    with Reader(filled) as reader:
        before = reader.logs_frame(addresses=[A])
    wanted = [(1, contract_fragment(A)), (2, contract_fragment(B))]
    assert prune(filled, lambda: wanted).logs == 24
    with Reader(filled) as reader:
        assert_frame_equal(reader.logs_frame(), before)
        assert set(reader.coverage(1)) == {KEYS[0]}
        assert reader.status().logs == {1: before.height}
    assert len(files(filled)) == 2, "what was replaced is gone"
    assert prune(filled, lambda: wanted).logs == 0


async def test_prune_keeps_the_events_of_any_address_that_are_asked_for(filled):
    words = tuple(bytes([number]) * 32 for number in (25, 60))
    free, other = events_fragment(b"", (words,)), events_fragment(A, (words, (b"w" * 32,)))
    async with Writer(filled) as writer:
        await writer.put_pages(1, [page(0, 20, key=free.key), page(0, 20, key=other.key)])
    assert prune(filled, lambda: [(1, contract_fragment(A)), (1, free)]).logs == 20
    with Reader(filled) as reader:
        assert reader.logs_frame(addresses=[B])["block_number"].to_list() == [25, 25, 60, 60]
        assert set(reader.coverage(1)) == {KEYS[0], free.key}, "what nobody asks for any more is not covered"
    assert prune(filled, lambda: [(1, contract_fragment(A)), (2, free)]).logs == 4
    with Reader(filled) as reader:
        assert set(reader.coverage(1)) == {KEYS[0]}


async def test_prune_keeps_what_wanted_wallets_moved(filled):
    near, far = b"n" * 20, b"f" * 20
    ends = [near, far, far]
    sent = [(TRANSFER, each.rjust(32, b"\0"), other.rjust(32, b"\0")) for each, other in pairwise([*ends, near])]
    moved = [log(90, 10 + place, address=B, topics=topics) for place, topics in enumerate(sent)]
    mine, theirs = (transfers_fragment(wallet, [B]) for wallet in (near, far))
    paid = [transfer(91, 1)._replace(recipient=near), transfer(91, 2)._replace(sender=near), transfer(91, 3)]
    coverage = {mine.key: Span(90, 92), theirs.key: Span(90, 92), f"native:{near.hex()}": Span(90, 92)}
    async with Writer(filled) as writer:
        await writer.extend(1, headers(90, 92), log_rows(moved), paid, coverage)
    wanted = [(1, fragment) for fragment in (contract_fragment(A), mine, native_fragment(near, "native"))]
    assert prune(filled, lambda: wanted).logs == 24 + 1
    with Reader(filled) as reader:
        assert reader.logs_frame(addresses=[B])["log_index"].to_list() == [10, 12], "the one between strangers is gone"
        assert reader.transfers_frame()["tx_index"].to_list() == [1, 2]
        assert set(reader.coverage(1)) == {KEYS[0], mine.key, f"native:{near.hex()}"}


async def test_prune_above_opens_the_coverage_again_below_finality(filled):
    assert prune_above(filled, 1, 24).logs == 10 + 10 + 4 + 1
    with Reader(filled) as reader:
        assert reader.logs_frame()["block_number"].max() == 24
        assert reader.logs_frame().height == 40 + 20
        assert reader.transfers_frame().height == 0
        assert reader.coverage(1) == {KEYS[0]: Spans.of(0, 25), KEYS[1]: Spans.of(20, 25)}
        assert (reader.window(1).finalized, reader.chains()[0].head) == (24, 24)
    async with Writer(filled) as writer:
        await writer.extend(1, headers(24, 100))
        await writer.finalize(1, 80)
        await writer.put_pages(1, [page(25, 30, key=KEYS[0]), page(25, 30, key=KEYS[1], address=B, first=5)])
    with Reader(filled) as reader:
        assert reader.logs_frame().height == 80


async def test_prune_above_is_the_way_back_from_a_lost_segment(filled):
    altered(next(segment_folder(filled).glob("1-20-29-*")))
    with Reader(filled) as reader, pytest.raises(LedgerError, match="altered"):
        reader.logs_frame()
    prune_above(filled, 1, 19)
    with Reader(filled) as reader:
        assert reader.logs_frame().height == 40
        assert reader.coverage(1) == {KEYS[0]: Spans.of(0, 20)}


async def test_prune_waits_for_no_daemon(filled):
    async with Writer(filled):
        with pytest.raises(LedgerLocked):
            prune(filled, set)
    with pytest.raises(LedgerError, match="no ledger"):
        prune_above(filled.with_name("none.db"), 1, 5)


async def test_a_backup_is_whole_while_a_daemon_writes(filled, tmp_path):
    async with Writer(filled) as writer:
        with Reader(filled) as reader:
            before = reader.logs_frame()
        copying = asyncio.create_task(asyncio.to_thread(backup, filled, tmp_path / "copy.db"))
        for n in range(30, 50, 2):
            await writer.put_pages(1, [page(n, n + 2, each=7, key=KEYS[0])])
        assert await copying > 1000
    with Reader(tmp_path / "copy.db") as reader:
        copied = reader.logs_frame()
        assert_frame_equal(copied.head(before.height - 5), before.head(before.height - 5))
        covered = reader.coverage(1)[KEYS[0]]
        assert set(copied["block_number"]) - {60, 61, 90} == {n for n in range(50) if n in covered}
    async with Writer(tmp_path / "copy.db") as writer:
        await writer.extend(1, headers(99, 101))
    with pytest.raises(InputError, match="exists"):
        backup(filled, tmp_path / "copy.db")


async def test_a_backup_of_a_damaged_ledger_says_so(filled, tmp_path):
    next(segment_folder(filled).glob("1-20-29-*")).unlink()
    with pytest.raises(LedgerError, match="is missing"):
        backup(filled, tmp_path / "copy.db")
