"""Questions and help, on top of the screen that asked."""

from __future__ import annotations

from itertools import groupby

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from monitor.dash.keys import KEYS
from monitor.views import clean

__all__ = ["HelpScreen", "PromptScreen", "help_text"]

_MAX_ANSWER = 500
_KEY_COLUMN = 8


class PromptScreen(ModalScreen[str | None]):
    """Asks for one line; gives it back stripped, or None when the reader leaves or writes nothing."""

    BINDINGS = [("escape", "cancel", "cancel")]  # noqa: RUF012 - Textual declares it so

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """Put the question over the line."""
        with Vertical(classes="dialog"):
            yield Static(clean.markup(self.question, style="bold"))
            yield Input(id="answer", max_length=_MAX_ANSWER)
            yield Static(Text("Enter to go on, Esc to leave", style="dim"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the answer back."""
        self.dismiss(event.value.strip() or None)

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """Shows the key table."""

    BINDINGS = [("escape,q,question_mark", "dismiss", "close")]  # noqa: RUF012 - as above

    def compose(self) -> ComposeResult:
        """Put the keys in a box that scrolls."""
        with VerticalScroll(classes="dialog help"):
            yield Static(help_text())


def help_text() -> Text:
    """Write the key table, by group."""
    lines: list[Text] = []
    for group, keys in groupby(KEYS, key=lambda key: key.group):
        lines.append(Text(group, style="bold cyan"))
        lines += [Text.assemble((key.label.ljust(_KEY_COLUMN), "bold"), key.does) for key in keys]
    lines.append(Text("A lead is for human review. It does not state that a law was broken.", style="dim"))
    return Text("\n").join(lines)
