"""The key table: bindings and the help screen are made from it, so that neither can say what the other does not."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding, BindingType

from monitor.dash.views import SCREENS

__all__ = ["KEYS", "Key", "bindings"]


class Key(NamedTuple):
    """A key, the action it runs, what it does; `scope` says who binds it (an empty one is bound by Textual itself)."""

    key: str
    label: str
    action: str
    does: str
    scope: str
    group: str


KEYS: tuple[Key, ...] = (
    *(
        Key(str(at), str(at), f"app.show('{name}')", f"show {name}", "screen", "Screens")
        for at, name in enumerate(SCREENS, start=1)
    ),
    Key("enter", "Enter", "", "open the row", "", "Move"),
    Key("escape", "Esc", "up", "go up; leave the filter", "screen", "Move"),
    Key("j", "j ↓", "cursor_down", "down", "table", "Move"),
    Key("k", "k ↑", "cursor_up", "up", "table", "Move"),
    Key("h", "h ←", "scroll_left", "left", "table", "Move"),
    Key("l", "l →", "scroll_right", "right", "table", "Move"),
    Key("g", "g", "top", "first row", "table", "Move"),
    Key("G", "G", "bottom", "last row", "table", "Move"),
    Key("tab", "Tab", "", "next pane", "", "Move"),
    Key("slash", "/", "filter", "filter rows; a leading ! keeps the others", "screen", "Find"),
    Key("colon", ":", "app.jump", "jump to a lead, lease, wallet, cluster or transaction", "screen", "Find"),
    Key("s", "s", "sort", "sort by the next column", "screen", "Find"),
    Key("r", "r", "reverse", "reverse the order", "screen", "Find"),
    Key("space", "Space", "app.pause", "pause and resume refreshing", "screen", "Do"),
    Key("c", "c", "copy", "copy the id", "screen", "Do"),
    Key("o", "o", "explorer", "open in the configured block explorer", "screen", "Do"),
    Key("a", "a", "acknowledge", "acknowledge the lead", "screen", "Do"),
    Key("d", "d", "dismiss_lead", "dismiss the lead with a reason", "screen", "Do"),
    Key("ctrl+p", "Ctrl-P", "", "all commands, themes", "", "Do"),
    Key("question_mark", "?", "app.help", "this help", "screen", "Do"),
    Key("q", "q", "app.quit", "quit", "screen", "Do"),
)


def bindings(scope: str) -> list[BindingType]:
    """Make Textual's bindings of a scope from the table."""
    return [Binding(key.key, key.action, key.does, show=False) for key in KEYS if key.scope == scope]
