"""The app: reads snapshots beside the screen, switches screens, hands on what a reviewer decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import TypeVar

from textual.app import App, SystemCommand
from textual.notifications import SeverityLevel
from textual.screen import Screen

from monitor.dash.item import Target
from monitor.dash.screens.detail import DetailScreen
from monitor.dash.screens.modal import HelpScreen, PromptScreen
from monitor.dash.screens.overview import OverviewScreen
from monitor.dash.screens.tables import TablesScreen
from monitor.dash.screens.world import WorldScreen
from monitor.dash.source import Reviewer, SnapshotSource
from monitor.dash.views import SCREENS
from monitor.dash.world import World, resolve
from monitor.dash.world import world as make_world
from monitor.errors import MonitorError
from monitor.model.lead import Disposition
from monitor.views import clean
from monitor.views import format as fmt

__all__ = ["MIN_INTERVAL", "MonitorApp"]

MIN_INTERVAL = 0.5
"""Seconds between looks at the source: at most two refreshes a second."""
_SLOW = 1.0
_CALM = 3
"""A refresh earns a pause this many times as long as it took: looking on takes a quarter of a core at most."""
T = TypeVar("T")


class MonitorApp(App[None]):
    """The dashboard over a `SnapshotSource`; all calls to it run in one thread of their own."""

    TITLE = "monitor"
    CSS_PATH = "app.tcss"
    MODES = {  # noqa: RUF012 - Textual declares it so
        "overview": OverviewScreen,
        **{name: partial(TablesScreen, name) for name in SCREENS if name != "overview"},
    }
    DEFAULT_MODE = "overview"

    def __init__(self, source: SnapshotSource, *, interval: float = MIN_INTERVAL) -> None:
        super().__init__()
        self.source = source
        self.interval = max(interval, MIN_INTERVAL)
        self.world: World | None = None
        self.paused = False
        self.trouble = ""
        self._version: int | None = None
        self._since: float | None = None
        self._calm_until = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    def on_mount(self) -> None:
        """Start looking at the source."""
        self.set_interval(self.interval, self._tick)
        self._tick()

    def on_unmount(self) -> None:
        """Let go of the source's thread without waiting for a read in progress."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def state_words(self) -> str:
        """Say how fresh the screen is, or what is being waited for."""
        waited = 0.0 if self._since is None else monotonic() - self._since
        if self.trouble:
            return self.trouble
        if self.world is None or waited > _SLOW:
            return f"reading the ledger … {waited:.0f} s"
        return f"as of {fmt.time(self.world.snapshot.as_of) or 'the start'}"

    def _tick(self) -> None:
        if self._since is not None:
            self._refresh_status()
        elif not self.paused and monotonic() >= self._calm_until:
            self._since = monotonic()
            self.run_worker(self._poll(), group="poll")

    async def _ask(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    async def _poll(self) -> None:
        try:
            version = await self._ask(self.source.version)
            if version != self._version:
                began = monotonic()
                snapshot = await self._ask(self.source.load)
                world = await self._ask(partial(make_world, snapshot))
                self._version, self.world = version, world
                self._calm_until = monotonic() + _CALM * (monotonic() - began)
                self._since = None
                self._show_world()
            self._recovered()
        except (MonitorError, OSError) as error:
            self._failed(error)
        finally:
            self._since = None
            self._refresh_status()

    def _failed(self, error: MonitorError | OSError) -> None:
        words = error.message if isinstance(error, MonitorError) else str(error)
        if not self.trouble:
            # Said once when it starts and once when it is over; the status line keeps saying it in between.
            self.say(f"The ledger cannot be read: {words}", severity="error")
        self.trouble = clean.terminal(words)

    def _recovered(self) -> None:
        if self.trouble:
            self.trouble = ""
            self.say("The ledger can be read again")

    def _show_world(self) -> None:
        if isinstance(self.screen, WorldScreen):
            self.screen.refresh_world()

    def _refresh_status(self) -> None:
        if self.is_running and self.screen_stack and isinstance(self.screen, WorldScreen):
            self.screen.refresh_status()

    def say(self, words: str, *, severity: SeverityLevel = "information") -> None:
        """Show a passing message, in which markup means nothing."""
        self.notify(clean.terminal(words, 300), severity=severity, markup=False, timeout=4)

    def open(self, target: Target) -> None:
        """Show the page of a target on top of the present screen."""
        self.push_screen(DetailScreen(target))

    def go_up(self) -> None:
        """Leave a page; on a list nothing is above."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_show(self, name: str) -> None:
        """Show a screen; its own digit again goes back to its list."""
        if name != self.current_mode:
            self.switch_mode(name)
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_pause(self) -> None:
        """Stop or go on refreshing."""
        self.paused = not self.paused
        self._refresh_status()
        self._tick()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())

    def action_jump(self) -> None:
        """Ask for an id and show what it names."""
        self.push_screen(
            PromptScreen("Jump to: lead, finding, lease, cluster, address or transaction hash"), self._jump
        )

    def _jump(self, wanted: str | None) -> None:
        if not wanted or self.world is None:
            return
        target = resolve(self.world, wanted)
        if target is None:
            self.say(f"Nothing in the ledger is called {wanted}")
        else:
            self.open(target)

    def ask_dismissal(self, lead_id: str) -> None:
        """Ask why a lead is dismissed, then dismiss it; without a reason nothing happens."""

        def answered(reason: str | None) -> None:
            if reason:
                self.dispose(lead_id, "dismissed", reason)

        self.push_screen(PromptScreen(f"Why is {lead_id} explained?"), answered)

    def dispose(self, lead_id: str, disposition: Disposition, reason: str) -> None:
        """Hand a decision about a lead to the source, if it takes any."""
        if isinstance(self.source, Reviewer):
            decide = partial(self.source.dispose, lead_id, disposition, reason)
            self.run_worker(self._decide(decide, f"{disposition}: {lead_id}"), group="decide")
        else:
            self.say("This dashboard only reads: use `monitor leads`", severity="error")

    async def _decide(self, decide: Callable[[], None], done: str) -> None:
        try:
            await self._ask(decide)
        except (MonitorError, OSError) as error:
            words = f"{error.message}. {error.hint}" if isinstance(error, MonitorError) else str(error)
            self.say(f"Not written: {words}", severity="error")
        else:
            self.say(done)
            self._calm_until = 0.0
            self._tick()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Put the screens and the app's own commands into the palette."""
        for name in SCREENS:
            yield SystemCommand(f"Show {name}", f"Go to the screen {name}", partial(self.action_show, name))
        yield SystemCommand("Pause", "Pause or resume refreshing", self.action_pause)
        yield SystemCommand("Jump", "Jump to a lead, lease, wallet, cluster or transaction", self.action_jump)
        yield SystemCommand("Help", "Show the keys of the dashboard", self.action_help)
        yield from super().get_system_commands(screen)
