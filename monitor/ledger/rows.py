"""Rows of the ledger that are no chain values: chains, endpoints, quarantine, dispositions, alerts to deliver."""

from __future__ import annotations

import msgspec

from monitor.errors import LedgerError
from monitor.model.chain import Header
from monitor.model.lead import Disposition
from monitor.model.silence import Silence
from monitor.sync.fragment import INDEXES, WHOLE_BLOCKS

__all__ = [
    "FOLLOWING",
    "UNSERVED",
    "ChainRow",
    "Conflict",
    "DispositionRow",
    "EndpointRow",
    "OutboxRow",
    "QuarantineRow",
    "Report",
    "Status",
    "UpgradeRow",
    "Window",
]


FOLLOWING = "following"
"""The state of a chain that is read up to its head."""
UNSERVED = "unserved"
"""Native value is wanted, and no endpoint has what reading it takes."""


class Conflict(LedgerError):
    """A page contradicts the ledger (another block at the same height): look at the head, then fetch again."""


class ChainRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain stands: blocks by number, None before the first; `head_time` in block seconds.

    `native_way` is how native value was read when the chain's endpoints were last met: a kind of fragment
    (`monitor.sync.fragment`), UNSERVED where none has any more what that takes, empty where it was never read.
    `head` and `finalized` are the ledger's; `node_head` and what follows is what the daemon last reported.
    """

    chain_id: int
    name: str
    head: int | None = None
    head_hash: bytes = b""
    head_time: int | None = None
    finalized: int | None = None
    native_way: str = ""
    node_head: int | None = None
    reorgs: int = 0
    deepest_reorg: int = 0
    to_read: int | None = None
    splits: int = 0
    state: str = ""

    @property
    def indexed(self) -> bool:
        """Whether an endpoint with an index of native value was met: from then on it is read unless configured else."""
        return self.native_way in {*INDEXES, UNSERVED}

    @property
    def by_blocks(self) -> bool:
        """Whether native value is read block by block."""
        return self.native_way in WHOLE_BLOCKS


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint did when the daemon last reported: masked URL, health, last error, mean seconds of its answers.

    `calls`, `faults` (by kind) and `received` (bytes) count since the daemon started.
    """

    chain_id: int
    label: str
    health: str
    error: str = ""
    latency_seconds: float = 0.0
    calls: int = 0
    faults: dict[str, int] = {}
    received: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon says of a chain: its node's head, the blocks still to read up to it, and how it fares.

    `state` is a few words; `reorgs`, `deepest_reorg` (blocks taken back by one) and `splits` (requests that had to be
    asked again in parts) count since the daemon started.
    """

    node_head: int | None = None
    to_read: int | None = None
    reorgs: int = 0
    deepest_reorg: int = 0
    splits: int = 0
    state: str = ""
    endpoints: tuple[EndpointRow, ...] = ()

    def essence(self) -> tuple[object, ...]:
        """All but the counters."""
        health = [(item.label, item.health, item.error) for item in self.endpoints]
        return self.node_head, self.reorgs, self.state, health


class QuarantineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A log that a market could not read, and why."""

    chain_id: int
    block_number: int
    log_index: int
    market: str
    role: str
    reason: str


class UpgradeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A contract that was changed: a row of UPGRADES (`monitor.model.schema`)."""

    chain_id: int
    contract: bytes
    block_number: int
    log_index: int
    block_time: int
    tx_hash: bytes
    market: str
    role: str
    event: str
    detail: str
    verified: str
    changed: bool
    unseen: bool


class DispositionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer decided about a lead; `at` in seconds since the epoch."""

    lead_id: str
    disposition: Disposition
    reason: str = ""
    reviewer: str = ""
    at: int


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """An alert on its way to a sink: `payload` is the body as it is sent; times in seconds since the epoch.

    `state` is `pending` until it is `delivered`, `dead` (given up) or whatever else the deliverer ends it with;
    `sequence` counts the alerts of one lead; `next_at` is the earliest time of the next try.
    """

    alert_id: str
    lead_id: str
    sink: str
    kind: str
    sequence: int
    payload: bytes
    state: str = "pending"
    attempts: int = 0
    next_at: float = 0.0
    first_at: float | None = None
    delivered_at: float | None = None
    last_error: str = ""


class Window(msgspec.Struct, frozen=True):
    """What a restarted source needs: the headers from the finalised block up (ascending), and its number or -1."""

    known: tuple[Header, ...]
    finalized: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Counts for `monitor status`: rows per chain id, and what the daemon left in `meta`."""

    chains: tuple[ChainRow, ...]
    endpoints: tuple[EndpointRow, ...]
    logs: dict[int, int]
    transfers: dict[int, int]
    missing: dict[int, int]
    """Blocks inside the outermost bounds of a fragment's coverage that it lacks, summed over fragments."""
    findings: int
    leads: int
    alerts: dict[str, int]
    """Alerts by state."""
    silences: tuple[Silence, ...] = ()
    quarantine: int
    upgrades: tuple[UpgradeRow, ...]
    """Contracts whose code was changed since their adapter was last verified."""
    meta: dict[str, str]
    size: int
    """Bytes of the file and its segments."""
    wal_size: int
    """Bytes of the write-ahead log."""
