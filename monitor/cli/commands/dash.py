"""`monitor dash`: the dashboard on the ledger."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from monitor.cli.context import load_config, login_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config import Config
    from monitor.ledger.reader import Reader
    from monitor.model.lead import Disposition
    from monitor.views.bundle import Bundle
    from monitor.views.fromledger import Onward
    from monitor.views.snapshot import Snapshot


class LedgerSource:
    """Snapshots of a ledger for the dashboard, and the way its decisions go back; opened where it is first used."""

    def __init__(self, config: Config, bundle: Bundle) -> None:
        self.config = config
        self.bundle = bundle
        self._reader: Reader | None = None
        self._onward: Onward | None = None

    def version(self) -> int:
        """Count commits of other processes."""
        return self._open().data_version()

    def load(self) -> Snapshot:
        """Read and compute everything, from the second time on what is new."""
        from monitor.views.fromledger import Onward, snapshot

        reader = self._open()
        self._onward = self._onward or Onward.start(reader, self.bundle)
        return snapshot(reader, self.bundle, self.config, now=int(time.time()), onward=self._onward)

    def dispose(self, lead_id: str, disposition: Disposition, reason: str) -> None:
        """Write a decision the way the command line does."""
        from monitor.ledger.writer import record_disposition
        from monitor.views.bundle import open_path

        record_disposition(open_path(self.config), lead_id, disposition, reason, login_name(), int(time.time()))

    def close(self) -> None:
        """Let go of the ledger."""
        if self._reader is not None:
            self._reader.close()

    def _open(self) -> Reader:
        from monitor.ledger.reader import Reader
        from monitor.views.bundle import open_path

        if self._reader is None:
            self._reader = Reader(open_path(self.config))
        return self._reader


def _pressable(pressed: Sequence[str], screenshot: str | None) -> None:
    """Refuse keys that would be lost: without a picture, or with a name that no keyboard has."""
    from textual.keys import Keys, key_to_character

    from monitor.errors import InputError

    if pressed and not screenshot:
        message = "--keys goes with --screenshot"
        raise click.UsageError(message)
    named = {key.value for key in Keys}
    unknown = [key for key in pressed if key not in named and key_to_character(key) is None]
    if unknown:
        message = f"there is no key {unknown[0]!r}"
        raise InputError(message, hint="write keys like 2, enter, slash, question_mark or ctrl+p")


@click.command("dash")
@click.option("--screenshot", metavar="FILE", help="Write the first screen as SVG to FILE and leave.")
@click.option("--keys", default="", help="Keys to press before the screenshot, separated by commas.")
def command(screenshot: str | None, keys: str) -> None:
    """Open the dashboard on the ledger; `?` shows the keys, `q` leaves. Live while `monitor run` works elsewhere."""
    from pathlib import Path

    from monitor.dash.app import MonitorApp
    from monitor.dash.screenshot import screenshot as shoot
    from monitor.errors import InputError
    from monitor.views.bundle import load_bundle, open_path

    pressed = tuple(filter(None, keys.split(",")))
    _pressable(pressed, screenshot)
    config = load_config().config
    open_path(config)
    if not (screenshot or (sys.stdin.isatty() and sys.stdout.isatty())):
        message = "the dashboard needs a terminal"
        raise InputError(message, hint="`monitor leads list --format json` writes data; --screenshot writes a picture")
    with closing(LedgerSource(config, load_bundle(config))) as source:
        if screenshot:
            try:
                shoot(source, Path(screenshot), keys=pressed)
            except OSError as error:
                message = f"{screenshot} cannot be written: {error.strerror or error}"
                raise InputError(message, hint="check the folder and its permissions") from error
            click.echo(f"wrote {screenshot}", err=True)
        else:
            MonitorApp(source).run()
