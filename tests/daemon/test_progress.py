"""The line of a backfill: what is left, how fast, for how long, at which price."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime

import pytest

from monitor.daemon import progress
from monitor.daemon.progress import Progress, Traffic
from monitor.model.chain import RawLog
from monitor.model.page import Page, log_rows
from monitor.model.span import Span


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


def page(start: int, stop: int, logs: int) -> Page:
    rows = [RawLog(start, b"h" * 32, b"t" * 32, 0, place, b"a" * 20, (), b"") for place in range(logs)]
    return Page((), log_rows(rows), coverage={"logs:a": Span(start, stop)})


def begun(stream: io.StringIO) -> Progress:
    found = Progress({1: "base"}, stream)
    found.follow(1, lambda: Traffic(calls=1_200, splits=1, received=2_340_000))
    found.planned(1, 1_000, 999)
    return found


def test_a_log_gets_a_line_per_ten_seconds_and_a_sum(clock):
    stream = io.StringIO()
    shown = begun(stream)
    for number in range(100):
        clock.now += 1
        shown.wrote(1, page(10 * number, 10 * number + 10, 50))
    shown.close()
    stamps, lines = zip(*(line.split(" ", 1) for line in stream.getvalue().splitlines()), strict=True)
    assert all(datetime.fromisoformat(stamp).tzinfo == UTC for stamp in stamps)
    assert len(lines) == 12
    left = "800 blocks to read, head 999, 1,000 logs, 50 logs/s, about 1 min 20 s left"
    assert lines[2] == f"base: {left}; 1,200 calls, 1 split, 2.3 MB"
    assert lines[-2] == "base: at the head, block 999"
    assert lines[-1] == "base: read 1,000 blocks, 5,000 logs (50 logs/s), 1,200 calls, 1 split, 2.3 MB"
    assert "\x1b" not in stream.getvalue()


def test_a_log_says_nothing_while_the_newest_blocks_come_and_are_read(clock):
    stream = io.StringIO()
    shown = begun(stream)
    shown.wrote(1, page(0, 1_000, 5))
    said = stream.getvalue()
    assert said.count("at the head, block 999") == 1
    for number in range(1_000, 1_400, 20):
        clock.now += 60
        shown.planned(1, 20, number + 19)
        shown.wrote(1, page(number, number + 20, 3))
    assert stream.getvalue() == said
    clock.now += 60
    shown.planned(1, 500, 1_899)
    assert "500 blocks to read, head 1,899" in stream.getvalue()[len(said) :]


def test_a_terminal_says_where_it_stands_while_it_follows(clock):
    stream = Terminal()
    shown = begun(stream)
    shown.wrote(1, page(0, 990, 5))
    clock.now += 60
    shown.wrote(1, page(990, 1_000, 0))
    last = stream.getvalue().split("\r\x1b[K")[-1]
    assert last == "base: at the head, block 999, 5 logs read; 1,200 calls, 1 split, 2.3 MB"


def test_what_is_logged_meanwhile_stands_on_a_line_of_its_own(clock):
    stream = Terminal()
    shown = begun(stream)
    logger = logging.getLogger("monitor.of_this_test")
    with shown.saying(logger):
        logger.info("endpoint %s answers again", "x")
        logger.debug("of no use")
    logger.warning("endpoint %s is failing", "x")
    assert stream.getvalue().endswith("\r\x1b[Kendpoint x answers again\n")


def test_the_time_left_follows_the_density_of_the_latest_blocks(clock):
    stream = Terminal()
    shown = begun(stream)
    # 500 empty blocks go by in 5 s, then blocks are full and take a second each.
    for number in range(5):
        clock.now += 1
        shown.wrote(1, page(100 * number, 100 * number + 100, 0))
    for number in range(500, 600):
        clock.now += 1
        shown.wrote(1, page(number, number + 1, 100))
    last = stream.getvalue().split("\r\x1b[K")[-1]
    assert "400 blocks to read" in last
    # As many seconds as blocks; at the mean of all it would be 70 s.
    assert "about 6 min" in last
    shown.say("a line of its own")
    assert stream.getvalue().endswith("\r\x1b[Ka line of its own\n")


def test_silence(clock):
    shown = Progress({1: "base"}, None)
    shown.planned(1, 10, 9)
    shown.wrote(1, page(0, 10, 1))
    shown.close()
    assert shown.missing(1) == 0
