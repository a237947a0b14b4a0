"""Work on polars' own threads: its result, its errors, and where it runs."""

import threading

import polars as pl
import pytest

from monitor.daemon.pool import on_the_pool
from monitor.errors import LedgerError


def test_work_runs_on_a_thread_of_the_pool_and_gives_its_result(monkeypatch):
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 2)
    frame = pl.DataFrame({"n": [3, 1, 2]})
    found = on_the_pool(lambda: (threading.get_ident(), frame.sort("n").get_column("n").to_list(), None))
    assert found[0] != threading.get_ident()
    assert found[1:] == ([1, 2, 3], None)


def test_a_pool_of_one_thread_is_left_to_others(monkeypatch):
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 1)
    assert on_the_pool(threading.get_ident) == threading.get_ident()


def test_an_error_comes_out_as_it_was_raised(monkeypatch):
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 2)
    error = LedgerError("the ledger is gone", hint="look for it")

    def failing() -> None:
        raise error

    with pytest.raises(LedgerError) as raised:
        on_the_pool(failing)
    assert raised.value is error
