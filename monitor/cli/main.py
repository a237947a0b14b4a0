"""The entry point: the list of commands, the options all share, and the mapping of failures to exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys

import click

from monitor import __version__
from monitor.cli.context import Settings
from monitor.cli.lazy import LazyGroup
from monitor.errors import (
    ChainUnreachable,
    ConfigError,
    InputError,
    LedgerLocked,
    LedgerNewer,
    MarketError,
    MonitorError,
)

__all__ = ["cli", "exit_code", "main"]

_C = "monitor.cli.commands."
COMMANDS: dict[str, tuple[str, str]] = {
    "init": (_C + "init", "Write a commented config.toml."),
    "doctor": (_C + "doctor", "Check config, nodes, ledger, sinks and the age of the catalogues."),
    "run": (_C + "run", "Run the daemon: index, judge, alert."),
    "backfill": (_C + "backfill", "Index up to the head, or a range, and stop."),
    "status": (_C + "status", "Say where the ledger stands, per chain."),
    "dash": (_C + "dash", "Open the dashboard on the ledger."),
    "events": (_C + "events", "List the lease events read from chain."),
    "leases": (_C + "leases", "List leases."),
    "wallets": (_C + "wallets", "List wallets with roles and clusters."),
    "clusters": (_C + "clusters", "List wallet clusters."),
    "explain": (_C + "explain", "Say why two wallets are in one cluster."),
    "leads": (_C + "leads", "List, show and review leads."),
    "silences": (_C + "silences", "Hold alerts back for a while, in the open."),
    "rules": (_C + "rules", "List, show and try the rules."),
    "backtest": (_C + "backtest", "Try a draft of rule parameters on history."),
    "alerts": (_C + "alerts", "List, replay and test alert deliveries."),
    "labels": (_C + "labels", "List and import labels of wallets."),
    "markets": (_C + "markets", "List, show, check and try the market adapters."),
    "hardware": (_C + "hardware", "List accelerators, read GPU names."),
    "export": (_C + "export", "Write all tables as CSV with a manifest."),
    "pack": (_C + "pack", "Write all that one lead rests on into one file."),
    "report": (_C + "report", "Write a lead, or all of a period, as a page to print."),
    "verify": (_C + "verify", "Check an export or pack, or the ledger by a node."),
    "backup": (_C + "backup", "Copy the ledger, also while a daemon writes."),
    "prune": (_C + "prune", "Forget what no market needs, or all above a block."),
    "config": (_C + "config", "Show or check the configuration."),
    "completion": (_C + "completion", "Print the completion script of a shell."),
    "sim": (_C + "sim", "Play worlds with known truth and score the leads."),
    "demo": (_C + "demo", "Run the whole way on a local EVM node."),
}

EXIT_CODES = """\b
Exit codes: 0 ok, 1 failed, 2 usage or config, 3 chain unreachable,
4 leads at or above --fail-on, 5 ledger locked or newer, 130 interrupted."""


@click.group(
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, "--version", prog_name="monitor", message="%(prog)s %(version)s")
@click.option("--config", metavar="FILE", help="Configuration file [default: ./config.toml, then XDG].")
@click.option("--ledger", metavar="FILE", help="Ledger file; overrides ledger.path.")
@click.option("--debug", is_flag=True, help="Show a traceback when something fails.")
@click.pass_context
def cli(ctx: click.Context, config: str | None, ledger: str | None, *, debug: bool) -> None:
    """Watch decentralized GPU markets on EVM chains and raise leads for human review.

    A lead says that a published pattern matched, with its evidence and its lawful explanations. It does not
    state that a law was broken.
    """
    ctx.obj = Settings(config, ledger, debug)


def exit_code(error: MonitorError) -> int:
    """Map a failure to the documented exit code."""
    match error:
        case ConfigError() | MarketError() | InputError():
            return 2
        case ChainUnreachable():
            return 3
        case LedgerLocked() | LedgerNewer():
            return 5
        case _:
            return 1


def complain(message: str, hint: str = "") -> None:
    """Write a failure to stderr: `monitor: error: …`, one line per problem, then `hint: …`."""
    for line in message.splitlines() or [message]:
        click.echo(f"monitor: error: {_plain(line)}", err=True)
    if hint:
        click.echo(f"hint: {_plain(hint)}", err=True)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:2000]


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the documented code."""
    if argv is None:
        # A kill ends a command like Ctrl-C does: the node it started ends with it, and its folders go.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(_run(sys.argv[1:] if argv is None else argv))


def _run(argv: list[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot draw a letter gets its number instead of a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result = cli.main(argv, prog_name="monitor", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted", "start again: it resumes where it stopped")
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away; that is no failure, but Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        return _misused(error)
    except MonitorError as error:
        if "--debug" in argv:
            import traceback

            traceback.print_exc()
        complain(error.message, error.hint)
        return exit_code(error)
    return result if isinstance(result, int) else 0


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
    elif isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "monitor"
        complain(error.format_message(), f"`{command} --help` shows how it is used")
    else:
        complain(error.format_message())
    return 2
