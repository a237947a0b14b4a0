"""The ledger's state as Prometheus metrics: what `monitor status` says, for a program that watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from monitor.ledger.rows import FOLLOWING, ChainRow, Status

__all__ = ["metrics", "unready"]


def unready(status: Status) -> list[str]:
    """Name the chains that are not read up to their head, with the reason; empty when all are."""
    return [
        f"{chain.name}: {chain.state or 'starting'}" + (f", {chain.to_read} blocks to read" if chain.to_read else "")
        for chain in status.chains
        if chain.state != FOLLOWING
    ]


def metrics(status: Status) -> bytes:
    """Write the metrics in Prometheus's text format; counters of a chain start anew with the daemon."""
    registry = CollectorRegistry()
    registry.register(_Collector(status))
    return generate_latest(registry)


class _Collector:
    """What prometheus_client asks for families of values."""

    def __init__(self, status: Status) -> None:
        self.status = status

    def collect(self) -> Iterator[Metric]:
        yield from _chains(self.status)
        yield from _endpoints(self.status)
        yield from _ledger(self.status)


_Family = type[GaugeMetricFamily | CounterMetricFamily]
_CHAIN: tuple[tuple[_Family, str, str, Callable[[Status, ChainRow], int | None]], ...] = (
    (GaugeMetricFamily, "head_block", "Newest block in the ledger", lambda _, chain: chain.head),
    (GaugeMetricFamily, "head_timestamp_seconds", "Its time", lambda _, chain: chain.head_time),
    (GaugeMetricFamily, "finalized_block", "Newest final block", lambda _, chain: chain.finalized),
    (GaugeMetricFamily, "node_head_block", "Newest block of the node", lambda _, chain: chain.node_head),
    (GaugeMetricFamily, "lag_blocks", "Blocks behind the node", lambda _, chain: _lag(chain)),
    (GaugeMetricFamily, "blocks_to_read", "Blocks wanted and not covered", lambda _, chain: chain.to_read),
    (GaugeMetricFamily, "following", "1 when read up to the head", lambda _, chain: int(chain.state == FOLLOWING)),
    (GaugeMetricFamily, "logs", "Logs stored", lambda status, chain: status.logs.get(chain.chain_id, 0)),
    (GaugeMetricFamily, "native_transactions", "Native transactions stored",
     lambda status, chain: status.transfers.get(chain.chain_id, 0)),
    (CounterMetricFamily, "reorgs", "Times the chain changed", lambda _, chain: chain.reorgs),
    (GaugeMetricFamily, "deepest_reorg_blocks", "Most blocks taken back at once", lambda _, chain: chain.deepest_reorg),
    (CounterMetricFamily, "splits", "Requests asked again in parts", lambda _, chain: chain.splits),
)  # fmt: skip


def _chains(status: Status) -> Iterator[Metric]:
    for kind, name, text, value in _CHAIN:
        family = kind(f"monitor_chain_{name}", text, labels=["chain"])
        for chain in status.chains:
            found = value(status, chain)
            if found is not None:
                family.add_metric([chain.name], found)
        yield family


def _endpoints(status: Status) -> Iterator[Metric]:
    names = {chain.chain_id: chain.name for chain in status.chains}
    labels = ["chain", "endpoint"]
    health = GaugeMetricFamily("monitor_rpc_health", "1 for the endpoint's state", labels=[*labels, "health"])
    latency = GaugeMetricFamily("monitor_rpc_latency_seconds", "Mean time of its answers", labels=labels)
    calls = CounterMetricFamily("monitor_rpc_calls", "Calls sent", labels=labels)
    received = CounterMetricFamily("monitor_rpc_received_bytes", "Bytes of its answers", labels=labels)
    errors = CounterMetricFamily("monitor_rpc_errors", "Answers that were of no use", labels=[*labels, "kind"])
    for item in status.endpoints:
        where = [names.get(item.chain_id, str(item.chain_id)), item.label]
        health.add_metric([*where, item.health], 1)
        latency.add_metric(where, item.latency_seconds)
        calls.add_metric(where, item.calls)
        received.add_metric(where, item.received)
        for kind, count in sorted(item.faults.items()):
            errors.add_metric([*where, kind], count)
    yield from (health, latency, calls, received, errors)


def _ledger(status: Status) -> Iterator[Metric]:
    alerts = GaugeMetricFamily("monitor_alerts", "Alerts by state; pending ones are the queue", labels=["state"])
    for state, count in sorted({"pending": 0, **status.alerts}.items()):
        alerts.add_metric([state], count)
    yield alerts
    for name, text, value in (
        ("quarantined_logs", "Logs that no adapter could read", status.quarantine),
        ("unverified_upgrades", "Changes of contracts since their adapter was last verified", len(status.upgrades)),
        ("findings", "Findings", status.findings),
        ("leads", "Leads", status.leads),
        ("ledger_bytes", "Ledger file and segments", status.size),
        ("ledger_wal_bytes", "Write-ahead log of the ledger", status.wal_size),
    ):
        yield GaugeMetricFamily(f"monitor_{name}", text, value=value)


def _lag(chain: ChainRow) -> int | None:
    return None if chain.node_head is None or chain.head is None else max(0, chain.node_head - chain.head)
