"""Where imported labels are kept: one CSV beside the ledger, which a person can read, edit and keep under versions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from monitor.config import Config
from monitor.errors import InputError
from monitor.wallets.labelfiles import Filled, read_labels
from monitor.wallets.labels import Label, configured

__all__ = ["MAX_BYTES", "all_labels", "label_file", "store"]

MAX_BYTES = 256 * 1024**2
_SILENT = Filled("unknown", "1970-01-01")


def label_file(config: Config) -> Path:
    """Say where imported labels are: `<ledger>.labels.csv`."""
    path = Path(config.ledger.path).expanduser()
    return path.with_name(f"{path.name}.labels.csv")


def all_labels(config: Config) -> Iterator[tuple[str, Label]]:
    """Read every label with where it comes from: config|imported|shipped.

    What ships is left out for an address that the user or an imported file labels. Raises InputError for a broken file.
    """
    own = configured(config.labels)
    imported = _read(label_file(config))
    known = {label.address for label in (*own, *imported)}
    shipped, _ = read_labels(resources.files("monitor.wallets").joinpath("labels.csv").read_bytes(), "csv", _SILENT)
    yield from (("config", label) for label in own)
    yield from (("imported", label) for label in imported)
    yield from (("shipped", label) for label in shipped if label.address not in known)


def store(config: Config, labels: Iterable[Label]) -> tuple[int, int]:
    """Add labels to the imported ones; returns how many are new and how many there are.

    The file is replaced whole, so a reader sees the old or the new one.
    """
    path = label_file(config)
    before = set(_read(path))
    after = sorted(before | set(labels))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Label._fields)
    writer.writerows((f"0x{label.address.hex()}", *label[1:]) for label in after)
    draft = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text.getvalue(), encoding="utf-8", newline="")
        draft.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError(message, hint="check the folder and its permissions") from error
    return len(after) - len(before), len(after)


def _read(path: Path) -> list[Label]:
    if not path.exists():
        return []
    try:
        labels, _ = read_labels(path.read_bytes(), "csv", _SILENT)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise InputError(message, hint="check its permissions") from error
    return labels
