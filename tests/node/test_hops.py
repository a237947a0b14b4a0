"""Following money over hops, on a node: the same in any steps, after everything else, within the budget."""

import json

import pytest

from monitor.config import load
from monitor.ledger.reader import Reader
from monitor.model.span import Spans
from monitor.views.assemble import assemble
from monitor.views.bundle import load_bundle
from tests.node.drive import Place, export, lay_out, monitor_now

pytestmark = pytest.mark.node


def followed(place: Place, hop: int) -> set[bytes]:
    """Wallets of a hop; all their token transfers in final blocks are in the ledger."""
    config = load(str(place.config)).config
    with Reader(place.ledger) as reader:
        watch = assemble(reader, load_bundle(config), config).world.watch
        chain = reader.chains()[0]
        covered = reader.coverage(chain.chain_id)
    assert chain.finalized is not None
    wanted = watch.filter((watch["stage"] == 2 * hop + 1) & (watch["kind"] == "erc20"))
    for address, start in wanted.select("address", "start").iter_rows():
        (spans,) = [spans for key, spans in covered.items() if key.startswith("erc20:") and key.endswith(address.hex())]
        assert not Spans.of(start, chain.finalized + 1) - spans
    return set(wanted["address"])


def test_counterparties_are_read_hop_by_hop_and_the_same_in_any_steps(played_world, tmp_path):
    place = lay_out(tmp_path / "at-once", played_world.world, played_world.url, depth=2)
    done = monitor_now(place, "backfill")
    assert done.code == 0, done.err
    assert followed(place, 1)
    assert followed(place, 2)
    status = monitor_now(place, "status").out
    assert "2 hops from people of leases followed" in status
    assert "left out" not in status
    other = lay_out(tmp_path / "in-steps", played_world.world, played_world.url, depth=2, max_span=37, concurrency=3)
    assert monitor_now(other, "backfill", "--to", "260").code == 0
    assert monitor_now(other, "backfill").code == 0
    assert export(other) == export(place)


def test_what_the_budget_leaves_out_is_said(played_world, tmp_path):
    place = lay_out(tmp_path, played_world.world, played_world.url, depth=2)
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(text.replace("depth = 2", "depth = 2\nmax_wallets = 3"), encoding="utf-8")
    assert monitor_now(place, "backfill").code == 0
    assert len(followed(place, 1)) <= 3
    assert not followed(place, 2)
    assert "left out: wallets.max_wallets is used up" in monitor_now(place, "status").out
    (first, *_) = json.loads(json.loads(monitor_now(place, "status", "--format", "json").out)["meta"]["hops"])
    assert (first["hop"], first["wallets"]) == (1, 3)
    assert first["left_out"] > 0
