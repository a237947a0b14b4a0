"""`monitor completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_HOW = {
    "bash": "echo 'eval \"$(monitor completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(monitor completion zsh)\"' >> ~/.zshrc",
    "fish": "monitor completion fish > ~/.config/fish/completions/monitor.fish",
}


@click.command("completion", epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(tuple(_HOW)))
def command(shell: str) -> None:
    """Print the script that completes commands and options in SHELL; start a new shell after installing it."""
    kind = get_completion_class(shell)
    if kind is None:
        message = f"no completion for {shell}"
        raise click.UsageError(message)
    root = click.get_current_context().find_root().command
    found = kind(root, {}, "monitor", "_MONITOR_COMPLETE")
    # `source()` would start bash to look at its version; the script is the same for all.
    click.echo(found.source_template % found.source_vars())
