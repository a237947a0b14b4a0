from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import polars as pl
import pytest
from rich.text import Text
from textual.widgets import Input, Static

from monitor.dash import MonitorApp, screenshot
from monitor.dash.item import Item, Target
from monitor.dash.screens.detail import DetailScreen
from monitor.dash.screens.modal import HelpScreen
from monitor.dash.table import LiveTable
from monitor.errors import LedgerError
from monitor.model.schema import LEASES
from monitor.views.snapshot import Snapshot
from tests.surfaces_fixture import CHAIN, HOSTILE, frame, lead, lease, nothing, snapshot, tx, wallet_text


class Source:
    """A source the test changes; counts what is asked of it and from which thread."""

    def __init__(self, world: Snapshot) -> None:
        self.world = world
        self.number = 1
        self.loads = 0
        self.failing = False
        self.threads: set[str] = set()

    def version(self) -> int:
        self.threads.add(threading.current_thread().name)
        if self.failing:
            message = "disk on fire"
            raise LedgerError(message)
        return self.number

    def load(self) -> Snapshot:
        self.loads += 1
        return self.world

    def change(self, world: Snapshot) -> None:
        self.world = world
        self.number += 1


class ReviewedSource(Source):
    def __init__(self, world: Snapshot) -> None:
        super().__init__(world)
        self.decided: list[tuple[str, str, str]] = []

    def dispose(self, lead_id: str, disposition: str, reason: str) -> None:
        if reason == "refuse":
            message = "the ledger is locked"
            raise LedgerError(message, hint="stop the daemon")
        self.decided.append((lead_id, disposition, reason))


class SlowSource(Source):
    def __init__(self, world: Snapshot, gate: threading.Event) -> None:
        super().__init__(world)
        self.gate = gate

    def load(self) -> Snapshot:
        assert self.gate.wait(60)
        return super().load()


async def until(pilot, true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        await pilot.pause(0.02)
    raise AssertionError(true)


async def ready(pilot) -> None:
    await until(pilot, lambda: pilot.app.world is not None)
    await pilot.pause()


def table(app) -> LiveTable:
    found = app.screen.table
    assert isinstance(found, LiveTable)
    return found


def shown(app) -> list[str]:
    return [row.key.value or "" for row in table(app).ordered_rows]


def under(app) -> Item:
    found = table(app).current
    assert found is not None
    return found


def about(app) -> Target:
    assert isinstance(app.screen, DetailScreen)
    return app.screen.about


def page_text(app) -> str:
    content = app.screen.query_one("#page-body", Static).content
    assert isinstance(content, Text)
    return content.plain


async def test_the_overview_sums_up_and_lists_leads():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        words = str(app.screen.query_one("#summary", Static).content)
        assert "active leases 5" in words
        assert "Not legal advice" in words
        assert shown(app) == ["lead-00000000000000aa"]


async def test_an_empty_ledger_says_how_to_begin():
    app = MonitorApp(Source(nothing()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "monitor init" in str(app.screen.query_one("#summary", Static).content)
        for key in "234567":
            await pilot.press(key)
            await pilot.pause()
            assert app.screen.query(".empty").first().display


async def test_the_first_rows_of_an_empty_screen_get_the_keys():
    source = Source(nothing())
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("2")
        await pilot.pause()
        source.change(snapshot())
        await until(pilot, lambda: shown(app) == ["lead-00000000000000aa"])
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, DetailScreen))


async def test_digits_pick_screens_and_enter_drills_from_lead_to_transaction_and_back():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("2")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, DetailScreen)
        words = page_text(app)
        assert "Common lawful explanations" in words
        assert "a new customer" in words
        assert "does not state that a law was broken" in words
        assert "Legal file 2026-11-22" in words
        keys = shown(app)
        assert keys[0].startswith("evidence:31337:0x")
        await pilot.press(*"jj")
        await pilot.press("enter")
        await pilot.pause()
        assert about(app).kind == "lease"
        assert "2500000 base units per hour" in page_text(app)
        await drill(pilot, "renter:")
        assert about(app).kind == "wallet"
        await drill(pilot, "cluster:")
        assert about(app).id == "cl-1"
        assert "3 x payer" in page_text(app)
        await drill(pilot, "wallet:")
        await drill(pilot, "proof:")
        assert about(app).kind == "tx"
        assert "LeaseOpened" in page_text(app)
        for _ in range(6):
            await pilot.press("escape")
        await pilot.pause()
        assert shown(app) == ["lead-00000000000000aa"]
        await pilot.press("escape")
        assert app.current_mode == "leads"


async def drill(pilot, start: str) -> None:
    found = table(pilot.app)
    at = next(at for at, row in enumerate(found.ordered_rows) if (row.key.value or "").startswith(start))
    found.move_cursor(row=at)
    await pilot.press("enter")
    await pilot.pause()


async def test_a_wallet_of_a_lead_shows_its_path():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(200, 60)) as pilot:
        await ready(pilot)
        await pilot.press("2", "enter")
        await pilot.pause()
        notes = [str(table(app).get_cell(key, "note")) for key in shown(app) if key.startswith("wallet:")]
        assert notes[0] == "where the paths start"
        assert "payer 6.5 bits" in notes[1]


async def test_filter_inverts_and_escape_drops_it():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("3")
        await pilot.pause()
        assert len(shown(app)) == 6
        await pilot.press("slash", *"spheron")
        await pilot.pause()
        assert shown(app) == [f"spheron:{CHAIN}:=1+1"]
        await pilot.press("enter")
        await pilot.press("slash", "home", "exclamation_mark", "enter")
        await pilot.pause()
        assert len(shown(app)) == 5
        assert not app.screen.query_one("#filter", Input).display
        await pilot.press("escape")
        assert len(shown(app)) == 6


async def test_the_filter_takes_every_key_as_a_letter():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("3", "slash", *"q1sg")
        await pilot.pause()
        assert app.screen.query_one("#filter", Input).value == "q1sg"
        assert app.current_mode == "leases"
        await pilot.press("escape")
        assert table(app).wanted == ""


async def test_sort_and_reverse():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("3")
        await pilot.pause()
        newest_first = shown(app)
        assert newest_first[0] == f"spheron:{CHAIN}:=1+1"
        await pilot.press("s", "s")
        assert shown(app) == sorted(newest_first, key=lambda key: key.split(":")[2])
        await pilot.press("r")
        assert shown(app)[:2] == [f"spheron:{CHAIN}:=1+1", f"reference:{CHAIN}:5"]
        for _ in range(len(table(app).view.columns) - 1):
            await pilot.press("s")
        assert shown(app) == newest_first[::-1]


async def test_g_and_capital_g_and_hjkl_move():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("3", "G")
        assert table(app).cursor_row == 5
        await pilot.press("k")
        assert table(app).cursor_row == 4
        await pilot.press("g", "j")
        assert table(app).cursor_row == 1
        await pilot.press("l", "l")
        await pilot.pause()
        assert table(app).scroll_target_x > 0


async def test_a_change_touches_only_changed_cells_and_keeps_the_cursor(monkeypatch):
    world = snapshot()
    source = Source(world)
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("3", "j", "j")
        await pilot.pause()
        kept = under(app).key
        touched: list[tuple[Any, ...]] = []
        update = LiveTable.update_cell

        def counted(self: LiveTable, *args: Any, **options: Any) -> None:
            touched.append(args[:2])
            update(self, *args, **options)

        monkeypatch.setattr(LiveTable, "update_cell", counted)
        closed = pl.when(pl.col("lease_id") == "2").then(pl.lit("closed")).otherwise(pl.col("status")).alias("status")
        more = frame(LEASES, [lease(9)])
        source.change(msgspec.structs.replace(world, leases=world.leases.with_columns(closed).vstack(more)))
        await until(pilot, lambda: len(shown(app)) == 7)
        assert touched == [(f"reference:{CHAIN}:2", "status")]
        assert shown(app)[0] == f"reference:{CHAIN}:9"
        assert under(app).key == kept
        source.change(msgspec.structs.replace(world, leases=world.leases.filter(pl.col("lease_id") != "5")))
        await until(pilot, lambda: len(shown(app)) == 5)
        assert under(app).key == kept
        assert shown(app) == [
            f"spheron:{CHAIN}:=1+1",
            *(f"reference:{CHAIN}:{number}" for number in (4, 3, 2, 1)),
        ]


async def test_nothing_is_loaded_when_nothing_changed_and_one_thread_asks():
    source = Source(snapshot())
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.pause(1.3)
        assert source.loads == 1
        assert len(source.threads) == 1
        assert threading.current_thread().name not in source.threads


async def test_space_pauses_with_a_badge():
    source = Source(snapshot())
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("space")
        source.change(snapshot(leads=()))
        await pilot.pause(1.2)
        assert source.loads == 1
        assert "PAUSED" in str(app.screen.query_one("#status", Static).content)
        await pilot.press("space")
        await until(pilot, lambda: source.loads == 2)
        await until(pilot, lambda: shown(app) == [])
        assert "PAUSED" not in str(app.screen.query_one("#status", Static).content)


async def test_a_failing_source_keeps_the_last_world_and_recovers():
    source = Source(snapshot())
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        source.failing = True
        await until(pilot, lambda: "disk on fire" in str(app.screen.query_one("#status", Static).content))
        assert shown(app) == ["lead-00000000000000aa"]
        source.failing = False
        await until(pilot, lambda: "as of 2025" in str(app.screen.query_one("#status", Static).content))
        assert app.trouble == ""


async def test_a_slow_source_shows_that_it_is_waited_for():
    gate = threading.Event()
    source = SlowSource(snapshot(), gate)
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "reading the ledger" in str(app.screen.query_one("#status", Static).content))
        assert "Reading the ledger" in str(app.screen.query_one("#summary", Static).content)
        gate.set()
        await ready(pilot)
        assert "active leases" in str(app.screen.query_one("#summary", Static).content)


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (30, 8)])
async def test_hostile_strings_show_as_letters_on_every_screen(size):
    world = snapshot(leads=(lead(reason=HOSTILE, disposition="dismissed", reviewer=HOSTILE, cluster_id="cl-2"),))
    app = MonitorApp(Source(world))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        for key in "1234567":
            await pilot.press(key)
            await pilot.pause()
            harmless(app)
            if shown(app) and under(app).target:
                await pilot.press("enter")
                await pilot.pause()
                assert isinstance(app.screen, DetailScreen)
                harmless(app)
                await pilot.press("escape")
        assert app.is_running


def harmless(app) -> None:
    strips = app.screen._compositor.render_strips()
    for strip in strips:
        for segment in strip:
            assert "\x1b" not in segment.text
            assert "\u202e" not in segment.text
            assert "\u200b" not in segment.text
            assert "app.quit" not in str(segment.style.meta if segment.style else "")


async def test_markup_in_a_cell_is_shown_verbatim():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(200, 60)) as pilot:
        await ready(pilot)
        await pilot.press("3")
        await pilot.pause()
        assert "[red]=HYPERLINK(\\x1b[31m[@c" in str(table(app).get_cell(f"spheron:{CHAIN}:=1+1", "gpu_raw"))


async def test_help_is_made_from_the_key_table():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        words = str(app.screen.query_one(Static).content)
        for label in ("Esc", "Space", "Ctrl-P", "dismiss the lead with a reason", "show markets"):
            assert label in words
        await pilot.press("escape")
        assert app.current_mode == "overview"
        assert not isinstance(app.screen, HelpScreen)


async def test_jump_goes_to_ids_and_says_when_there_is_none():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("colon", *wallet_text(11).lower(), "enter")
        await pilot.pause()
        assert about(app).id == f"{CHAIN}:{wallet_text(11)}"
        await pilot.press("colon", *"[red]nobody", "enter")
        await pilot.pause()
        assert about(app).kind == "wallet"
        assert [note.message for note in app._notifications] == ["Nothing in the ledger is called [red]nobody"]


async def test_leads_are_acknowledged_and_dismissed_with_a_reason():
    source = ReviewedSource(snapshot())
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("2", "a")
        await until(pilot, lambda: len(source.decided) == 1)
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("d", *"a reseller", "enter")
        await until(pilot, lambda: len(source.decided) == 2)
        await pilot.press("d", "escape")
        await pilot.press("d", "enter")
        await pilot.pause(0.1)
        assert source.decided == [
            ("lead-00000000000000aa", "acknowledged", ""),
            ("lead-00000000000000aa", "dismissed", "a reseller"),
        ]
        await pilot.press("d", *"refuse", "enter")
        await until(pilot, lambda: any("stop the daemon" in note.message for note in app._notifications))


async def test_a_source_that_only_reads_says_so():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("2", "a")
        await pilot.pause()
        assert any("only reads" in note.message for note in app._notifications)


async def test_copy_and_explorer(monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(MonitorApp, "open_url", lambda _self, url, **_kw: opened.append(url))
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("4", "c", "o")
        await pilot.pause()
        assert app.clipboard.startswith("0x")
        assert opened == [f"https://explorer.example/address/{app.clipboard}"]
        await pilot.press("3", "G", "o")
        assert opened[-1] == f"https://explorer.example/tx/0x{tx(1).hex()}"
        await pilot.press("2", "o")
        assert len(opened) == 2


async def test_tab_goes_to_the_second_table_and_keys_follow():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("4")
        await pilot.pause()
        assert table(app).view.name == "wallets"
        await pilot.press("tab")
        assert table(app).view.name == "clusters"
        await pilot.press("enter")
        await pilot.pause()
        assert about(app).kind == "cluster"


async def test_a_page_whose_thing_vanishes_says_so():
    source = Source(snapshot())
    app = MonitorApp(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("2", "enter")
        source.change(snapshot(leads=(), findings=()))
        await until(pilot, lambda: "Not in the ledger" in page_text(app))
        assert shown(app) == []


async def test_a_digit_of_the_present_screen_goes_back_to_its_list():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("2", "enter")
        await pilot.pause()
        await pilot.press("2")
        await pilot.pause()
        assert not isinstance(app.screen, DetailScreen)


async def test_the_palette_knows_the_screens():
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Show health" in titles
        assert "Theme" in titles
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"show health", "enter")
        await until(pilot, lambda: app.current_mode == "health")


@pytest.mark.parametrize("theme", ["ansi-dark", "textual-light"])
async def test_it_draws_without_colours_and_with_sixteen(monkeypatch, theme):
    monkeypatch.setenv("NO_COLOR", "1")
    app = MonitorApp(Source(snapshot()))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        app.theme = theme
        await pilot.press("2")
        await pilot.pause()
        assert "high" in app.export_screenshot()


async def test_many_rows_are_bounded():
    rows = [lease(number) for number in range(1, 1_501)]
    app = MonitorApp(Source(msgspec.structs.replace(snapshot(), leases=frame(LEASES, rows))))
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("3")
        await pilot.pause()
        assert table(app).row_count == 1_000
        assert "1000 of 1500" in str(app.screen.query_one("#status", Static).content)
        await pilot.press("slash", *"m1499 ", "enter")
        await pilot.pause()
        assert shown(app) == [f"reference:{CHAIN}:1499"]


def test_a_screenshot_is_an_svg_made_by_the_program(tmp_path):
    path = tmp_path / "dashboard.svg"
    screenshot(Source(snapshot()), path, (100, 30), keys=("2", "enter"))
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<svg")
    assert "lead-00000000000000aa" in text.replace("&#160;", " ")
