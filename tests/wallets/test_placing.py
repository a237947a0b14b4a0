"""Law 7 for clusters: placing wallets on from earlier looks gives what placing everybody gives."""

from polars.testing import assert_frame_equal

from monitor.facts.fold import KEY
from monitor.facts.folding import Folded, Turned
from monitor.facts.moving import Moved
from monitor.wallets.clusters import members, nodes
from monitor.wallets.grouping import Grouping, Seen, grouped
from monitor.wallets.placing import Placing
from tests.wallets.worlds import broker, crowd, pay, seen


def differ(one, other):
    return one.join(other, on=one.columns, how="anti", nulls_equal=True)


def placed_on(worlds):
    """Place each world after the one before, and hold it against placing everybody."""
    kept, placing = Grouping(), Placing()
    looks: list[Seen] = []
    for rows in worlds:
        now, turned = seen(rows), None
        for before in looks[-1:]:
            people = (before.persons, now.persons)
            told = (differ(*people), differ(*people[::-1]))
            folded = [Folded(now.leases, now.lease_events, each) for each in told]
            turned = Turned(now.leases.select(KEY), *folded)
            moved = (before.transfers, now.transfers)
            now = now._replace(moved=Moved(differ(*moved), differ(*moved[::-1])))
        placed = placing.become(now.persons, kept.become(now), turned, kept.touched)
        whole = grouped(now)
        everybody = nodes(now.persons, whole.funders, whole.links, whole.hubs, whole.stays)
        assert_frame_equal(placed.nodes, everybody)
        assert_frame_equal(placed.members, members(everybody, whole.groups))
        looks.append(now)
    return placed


def test_a_cluster_is_renamed_after_a_member_that_was_seen_earlier_than_was_known():
    world = crowd(40) + broker()
    was = placed_on([world])
    now = placed_on([world, world + pay(3, 999, block=2)])
    assert not was.members.equals(now.members.filter(now.members["address"].is_in(was.members["address"].implode())))
