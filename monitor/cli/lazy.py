"""A click group that knows its commands' names and one-line helps without importing their modules."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from monitor.errors import ConfigError

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Commands by name: `commands_by_name[name] = (module, one-line help)`; each module holds a click `command`."""

    def __init__(self, *args: Any, commands_by_name: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in the order of the table, which is the order of a user's day."""
        return list(self.commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module and return its `command`."""
        entry = self.commands_by_name.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = import_module(entry[0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without loading any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in self.commands_by_name.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a key of the configuration that it finds wrong is shown with its line.

        Output that nobody reads to its end is no failure.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader (head, less) went away; that is no failure, but click would make one of it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except ConfigError as error:
            from monitor.cli.context import located

            raise ConfigError(located(error.message, ctx), hint=error.hint) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command, suggesting the nearest name for a misspelt one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.commands_by_name, n=1)
            if near and not ctx.resilient_parsing:
                message = f"no such command {args[0]!r}; did you mean {near[0]!r}?"
                raise click.UsageError(message, ctx) from error
            raise
