"""A lead keeps its id while its cluster grows: who was told of it hears of the same lead again, not of a new one."""

import pytest

from monitor.config import load
from monitor.ledger.reader import Reader
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import snapshot

pytestmark = pytest.mark.node


def test_lead_ids_outlast_the_growth_of_their_clusters(undisturbed):
    place, _ = undisturbed
    config = load(str(place.config)).config
    bundle = load_bundle(config)
    seen: set[str] = set()
    with Reader(place.ledger) as reader:
        head = max(chain.head or 0 for chain in reader.chains())
        for block in [*range(300, head, 45), head]:
            now = {lead.lead_id for lead in snapshot(reader, bundle, config, at=str(block)).leads}
            assert seen <= now, f"at block {block} {sorted(seen - now)} went"
            seen = now
    assert len(seen) == 4
