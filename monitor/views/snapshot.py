"""Everything a surface shows, read at one moment of the ledger and never changed."""

from __future__ import annotations

import msgspec
import polars as pl

from monitor.ledger.rows import DispositionRow, UpgradeRow
from monitor.model.lead import Finding, Lead
from monitor.model.schema import ACCOUNTS, HABITS, empty
from monitor.model.silence import Silence

__all__ = [
    "AlertRow",
    "ChainStatus",
    "LegalFile",
    "QuarantineCount",
    "RuleInfo",
    "Snapshot",
]


class ChainStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where one chain's index stands; block numbers, times in block seconds."""

    chain_id: int
    name: str
    first_block: int | None = None
    """Oldest block any market of the chain asks for."""
    last_block: int | None = None
    """Newest block the ledger holds without a gap; None before the first."""
    head_hash: bytes = b""
    head_time: int | None = None
    finalized: int | None = None
    node_head: int | None = None
    """The node's newest block when it was last asked, None when no daemon said so."""
    missing_blocks: int = 0
    unread_blocks: int = 0
    """Blocks up to the last one of which some contract's logs were not read yet."""
    logs: int = 0
    reorgs: int = 0
    explorer: str = ""
    """Base URL from the configuration; opened only when it is http or https."""
    state: str = ""
    """What the daemon says of the chain, in a few words."""


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One alert for one sink; times in seconds since the epoch."""

    alert_id: str
    lead_id: str
    sink: str
    kind: str
    state: str
    attempts: int
    first_at: int | None = None
    delivered_at: int | None = None
    last_error: str = ""


class QuarantineCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many logs of a market could not be read, by reason."""

    market: str
    chain_id: int
    reason: str
    rows: int


class RuleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that judged this snapshot."""

    rule: str
    version: int
    name: str = ""
    family: str = ""
    lawful: tuple[str, ...] = ()
    """Common lawful explanations of the pattern."""
    guidance: str = ""
    blind_spots: tuple[str, ...] = ()
    parameters: dict[str, int] = {}
    """Thresholds in force: the defaults, and what the configuration says instead."""


class LegalFile(msgspec.Struct, frozen=True, kw_only=True):
    """The legal file leads are judged under: `version` and `verify_by` are dates (YYYY-MM-DD)."""

    version: str
    jurisdiction: str = "US (EAR)"
    verify_by: str = ""
    statement: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The ledger's facts and findings at one moment.

    Frames have the schemas of `monitor.model.schema`: `leases` LEASES, `lease_events` EVENTS, `wallets` WALLETS,
    `links` LINKS, `clusters` CLUSTERS, `capacity` CAPACITY, `accounts` ACCOUNTS and `habits` HABITS (never exported).
    The order of rows means nothing: surfaces sort.
    """

    tool_version: str
    config_digest: str
    legal: LegalFile
    version: int = 0
    """The ledger's change counter when this was read; never exported."""
    now: int = 0
    """Seconds since the epoch when this was read, 0 when unknown; never exported, only says how old things are."""
    chains: tuple[ChainStatus, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    leases: pl.DataFrame
    lease_events: pl.DataFrame
    wallets: pl.DataFrame
    links: pl.DataFrame
    clusters: pl.DataFrame
    capacity: pl.DataFrame
    accounts: pl.DataFrame = msgspec.field(default_factory=lambda: empty(ACCOUNTS))
    habits: pl.DataFrame = msgspec.field(default_factory=lambda: empty(HABITS))
    findings: tuple[Finding, ...] = ()
    leads: tuple[Lead, ...] = ()
    alerts: tuple[AlertRow, ...] = ()
    dispositions: tuple[DispositionRow, ...] = ()
    """What reviewers decided, oldest first."""
    silences: tuple[Silence, ...] = ()
    """What ever held back alerts, oldest first; never exported."""
    quarantine: tuple[QuarantineCount, ...] = ()
    not_assessable: tuple[str, ...] = ()
    """Where rules could not look, one line each."""
    upgrades: tuple[UpgradeRow, ...] = ()

    @property
    def as_of(self) -> int | None:
        """Newest block time (seconds) of any chain: the moment this snapshot speaks about."""
        return max((chain.head_time for chain in self.chains if chain.head_time is not None), default=None)
