"""What every screen of the dashboard shares: the bar of screens, the filter, the status line and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from monitor.dash.item import Target
from monitor.dash.keys import bindings
from monitor.dash.table import LIMIT, LiveTable
from monitor.dash.views import SCREENS
from monitor.dash.world import World, explorer_url
from monitor.views import clean

if TYPE_CHECKING:
    from monitor.dash.app import MonitorApp

__all__ = ["WorldScreen"]


class WorldScreen(Screen[None]):
    """A screen over the app's world; `content` makes its widgets and `present` fills them."""

    BINDINGS = bindings("screen")

    mode = ""

    @property
    def monitor(self) -> MonitorApp:
        """The app, by its own type."""
        return cast("MonitorApp", self.app)

    def compose(self) -> ComposeResult:
        """Put the bar above, the status line below, the content between."""
        yield Static(id="bar")
        yield from self.content()
        yield Input(id="filter", placeholder="filter: words that must occur; ! in front keeps the others")
        yield Static(id="status")

    def content(self) -> ComposeResult:
        """Make the widgets between bar and status line."""
        yield from ()

    def present(self, world: World) -> None:
        """Fill the widgets from a world; a screen without content has nothing to fill."""

    def on_mount(self) -> None:
        """Hide the filter and show what is known."""
        self.query_one("#filter", Input).display = False
        self.refresh_world()

    def on_screen_resume(self) -> None:
        """Show what changed while another screen was on top."""
        self.refresh_world()

    def refresh_world(self) -> None:
        """Show the app's world, or that it is being read."""
        if not self.is_mounted:
            return
        self.query_one("#bar", Static).update(self._bar())
        world = self.monitor.world
        if world is not None:
            self.present(world)
            self._find_focus()
        self.refresh_status()

    def _find_focus(self) -> None:
        # A table without rows is hidden and so loses the focus; when rows come, the keys must reach them again.
        table = self.table
        if self.focused is None and table is not None and table.display:
            table.focus()

    def refresh_status(self) -> None:
        """Write the status line anew."""
        if self.is_mounted:
            self.query_one("#status", Static).update(self._status())

    def _bar(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for at, name in enumerate(SCREENS, start=1):
            here = name == self.monitor.current_mode
            text.append(f" {at} ", "bold reverse" if here else "dim")
            text.append(f"{name} ", "bold underline" if here else "")
        return text

    def _status(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        if self.monitor.paused:
            text.append(" PAUSED ", "bold reverse")
            text.append(" ")
        words = [self.monitor.state_words, *self._table_words(), "? help"]
        text.append(clean.terminal(" · ".join(word for word in words if word), 400))
        return text

    def _table_words(self) -> list[str]:
        table = self.table
        if table is None:
            return []
        shown = f"{min(table.matching, LIMIT)} of {table.total}"
        heading = "" if table.sort_at is None else table.view.columns[table.sort_at].label
        order = f"by {heading}" if heading else ""
        return [shown, f"filter {table.wanted}" if table.wanted else "", order, "reversed" if table.descending else ""]

    @property
    def table(self) -> LiveTable | None:
        """The table keys act on: the focused one, else the first."""
        if isinstance(self.focused, LiveTable):
            return self.focused
        return next(iter(self.query(LiveTable)), None)

    @property
    def target(self) -> Target | None:
        """What `c`, `o`, `a` and `d` act on: the row under the cursor."""
        current = self.table.current if self.table else None
        return current.target if current else None

    def on_live_table_opened(self, event: LiveTable.Opened) -> None:
        """Drill in."""
        if event.target is None:
            self.monitor.say("Nothing lies below this row")
        else:
            self.monitor.open(event.target)

    def on_descendant_focus(self) -> None:
        """Show the newly focused table's filter and order."""
        self.refresh_status()

    def action_filter(self) -> None:
        """Ask for words to filter by."""
        if self.table is None:
            return
        box = self.query_one("#filter", Input)
        self._filtered: LiveTable = self.table
        box.value = self.table.wanted
        box.display = True
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the words are typed."""
        if event.input.id == "filter" and event.input.has_focus:
            self._filtered.search(event.value)
            self.refresh_status()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the rows."""
        self._leave_filter(event.input)

    def _leave_filter(self, box: Widget) -> None:
        box.display = False
        self._filtered.focus()
        self.refresh_status()

    def action_up(self) -> None:
        """Leave the filter and drop it, else go up a screen."""
        box = self.query_one("#filter", Input)
        if box.has_focus:
            self._filtered.search("")
            self._leave_filter(box)
        elif self.table is not None and self.table.wanted:
            self.table.search("")
            self.refresh_status()
        else:
            self.monitor.go_up()

    def action_sort(self) -> None:
        """Sort by the next column."""
        if self.table is not None:
            self.table.sort_next()
            self.refresh_status()

    def action_reverse(self) -> None:
        """Reverse the order."""
        if self.table is not None:
            self.table.flip()
            self.refresh_status()

    def action_copy(self) -> None:
        """Copy the id."""
        if self.target is not None:
            text = clean.terminal(self.target.text, 400)
            self.monitor.copy_to_clipboard(text)
            self.monitor.say(f"Copied {text}")

    def action_explorer(self) -> None:
        """Open the wallet or transaction in the configured explorer."""
        world = self.monitor.world
        url = explorer_url(world.snapshot, self.target) if world is not None and self.target is not None else None
        if url is None:
            self.monitor.say("No page for this: it needs a wallet, lease or transaction and an http(s) `explorer`")
        else:
            self.monitor.open_url(url)
            self.monitor.say(f"Opened {url}")

    def action_acknowledge(self) -> None:
        """Acknowledge the lead."""
        if self.target is not None and self.target.kind == "lead":
            self.monitor.dispose(self.target.id, "acknowledged", "")

    def action_dismiss_lead(self) -> None:
        """Ask why, then dismiss the lead."""
        if self.target is not None and self.target.kind == "lead":
            self.monitor.ask_dismissal(self.target.id)
