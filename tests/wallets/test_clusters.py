from collections import Counter
from decimal import Decimal

import polars as pl

from monitor.facts.bounds import AMOUNT_LIMIT
from monitor.model.schema import CLUSTERS, LINKS, WALLETS
from monitor.wallets.evidence import PairScore
from monitor.wallets.explain import explain
from monitor.wallets.merging import LARGEST, MAX_SOFT_UNION, merge
from tests.facts.rows import MARKET, native_tx, time_of, token_log, tx, who
from tests.wallets.worlds import Rows, broker, crowd, label_rows, lease, pay, send, wallets


def test_a_brokers_wallets_and_their_funder_are_one_cluster():
    world = wallets(crowd() + broker())
    assert world.together(50, 1, 2, 3, 4)
    assert not world.together(50, 1000)
    assert world.clusters.filter(pl.col("size") > 1).height == 1
    for frame, schema in ((world.links, LINKS), (world.wallets, WALLETS), (world.clusters, CLUSTERS)):
        assert dict(frame.schema) == schema


def test_cluster_is_named_after_its_earliest_member():
    world = wallets(crowd() + broker())
    alone = wallets(crowd() + broker(wallets=(1, 2, 3)))
    ids = {w.members.filter(pl.col("address") == who(50))["cluster_id"].item() for w in (world, alone)}
    assert len(ids) == 1


def test_exchange_customers_stay_apart_when_labelled():
    newcomers = broker(funder=60, wallets=tuple(range(1, 9)))
    assert not wallets(crowd() + newcomers, label_rows((60, "Some Exchange", "exchange"))).together(1, 2)


def test_a_busy_funder_connects_nobody():
    others = Rows([], [], [])
    for n in range(200):
        others += pay(60, 5000 + n, block=100 + n, nonce=100 + n)
    world = wallets(crowd() + others + broker(funder=60))
    assert not world.together(1, 2)
    assert world.hubs.filter(pl.col("address") == who(60))["reason"].item() == "degree"


def test_a_foundation_with_thirty_grantees_is_no_cluster():
    rows = crowd()
    for n in range(30):
        rows += pay(70, 100 + n, block=9_000 + 400 * n, nonce=n)
        rows += lease(600 + n, 100 + n, block=9_100 + 400 * n, provider=400 + n % 7, gpus=1 + n % 9)
    assert not wallets(rows).together(100, 101)


def test_first_funding_and_hurry_alone_never_merge():
    rows = crowd() + pay(70, 1, block=9_000) + lease(1, 1, block=9_010, provider=333, gpus=7, gpu_raw="mystery")
    world = wallets(rows)
    assert not world.together(70, 1)
    assert set(world.links.filter(pl.col("a") == who(1))["heuristic"]) == {"first_funder", "funded_to_lease"}


def test_payer_who_is_also_the_first_funder_is_the_same_owner():
    rows = crowd() + pay(70, 1, block=9_000) + lease(1, 1, block=20_000, payer=who(70))
    assert wallets(rows).together(70, 1)


def test_payer_alone_is_not():
    rows = crowd() + pay(71, 1, block=9_000) + lease(1, 1, block=20_000, payer=who(70))
    assert not wallets(rows).together(70, 1)


def test_paying_for_a_lease_links_no_renter_to_its_provider():
    rows = crowd() + lease(1, 1, block=9_000, provider=300) + send(1, 300, 500, block=9_100) + lease(2, 2, block=9_200)
    rows += send(2, 300, 500, block=9_300)
    world = wallets(rows)
    assert not world.together(1, 300)
    assert world.links.filter((pl.col("b") == who(300)) | (pl.col("a") == who(300))).is_empty()


def test_siblings_that_share_payer_and_sweep_are_one_owner():
    rows = crowd()
    for n in (1, 2, 3):
        rows += pay(70, n, block=3_000 * n) + lease(n, n, block=3_000 * n + 5_000, provider=300 + n, gpus=n)
        rows += send(n, 77, 40, block=3_000 * n + 6_000)
    assert wallets(rows).together(1, 2, 3, 70)
    assert not wallets(rows).together(1, 77)


def test_the_same_key_on_two_chains_is_one_wallet():
    second = lease(9, 1, block=30_000, chain_id=42161)
    world = wallets(crowd() + broker() + Rows(second.events, [], []))
    rows = world.members.filter(pl.col("address") == who(1))
    assert rows["chain_id"].to_list() == [1, 42161]
    assert rows["cluster_id"].n_unique() == 1


def test_dust_and_unasked_tokens_fund_nobody():
    rows = crowd()
    rows += Rows([], [], [native_tx(who(666), who(1), 1, block=8_000, nonce=1)])
    rows += pay(50, 1, block=9_000) + lease(1, 1, block=9_500)
    gift = token_log(who(667), who(1), 10**6, block=7_000, address=who(888))
    rows += Rows([], [gift], [])
    world = wallets(rows)
    assert world.funders.filter(pl.col("address") == who(1))["funder"].to_list() == [who(50)]


def test_market_payouts_and_mints_fund_nobody():
    rows = lease(1, 1, block=9_500)
    rows += Rows([], [token_log(MARKET, who(1), 50, block=9_000), token_log(bytes(20), who(1), 50, block=9_001)], [])
    assert wallets(rows).funders.is_empty()


def test_a_hostile_amount_is_no_funding_and_raises_nothing():
    rows = lease(1, 1, block=9_500)
    rows += Rows([], [token_log(who(5), who(1), n, block=9_000 + n % 7) for n in (AMOUNT_LIMIT, 10**38 - 1)], [])
    assert wallets(rows).funders.is_empty()


def test_owner_labels_join_and_keep_apart():
    joined = label_rows((1000, "Lab", "owner"), (1001, "Lab", "owner"))
    assert wallets(crowd(), joined).together(1000, 1001)
    apart = label_rows((1, "Lab", "owner"), (2, "Other lab", "owner"))
    assert not wallets(crowd() + broker(), apart).together(1, 2)


def test_two_crowds_do_not_merge_over_one_link():
    def star(base: int, count: int) -> list[PairScore]:
        return [PairScore(who(base), who(base + n), 200, ("flow", "funding"), accepted=True) for n in range(1, count)]

    half = MAX_SOFT_UNION // 2 + 1
    bridge = PairScore(who(1), who(1001), 170, ("flow", "funding"), accepted=True)
    pairs = star(1, half) + star(1001, half)
    groups = merge([*pairs, bridge], {})
    assert groups[who(1)] != groups[who(1001)]
    small = merge([*star(1, 10), *star(1001, 10), bridge], {})
    assert small[who(1)] == small[who(1001)]


def test_a_group_that_grew_leaf_by_leaf_is_split_but_never_what_was_declared():
    def star(center: int, leaves: range, *families: str) -> list[PairScore]:
        return [PairScore(who(center), who(n), 200, families, accepted=True) for n in leaves]

    soft = star(1, range(2, 202), "flow", "funding") + star(2, range(1002, 1202), "flow", "funding")
    sizes = Counter(merge(soft, {}).values())
    assert max(sizes.values()) <= LARGEST
    assert sum(sizes.values()) == 401
    declared = star(1, range(2, 402), "declared")
    assert set(merge(declared, {}).values()) == {who(1)}
    assert set(merge(declared + star(1, range(1002, 1004), "flow", "funding"), {}).values()) == {who(1)}


def test_explanation_walks_the_accepted_links_with_their_transactions():
    world = wallets(crowd() + broker())
    found = explain(world.links, who(1), who(4))
    hops = found.hops
    assert [(hop.a, hop.b) for hop in hops] == [(who(1), who(50)), (who(50), who(4))]
    assert all(hop.accepted and hop.bits >= Decimal("16.3") for hop in hops)
    assert {"first_funder", "funded_to_lease", "leased_alike"} <= {note.heuristic for note in hops[0].links}
    funded = next(note for note in hops[0].links if note.heuristic == "first_funder")
    assert funded.txs == (tx(1000 * 20_000 + 900),)
    assert funded.at == time_of(20_000)
    assert found.weakest == min(hops, key=lambda hop: hop.bits)
    assert found.disjoint == 1
    assert {rest.family: rest.joined for rest in found.without}["funding"] is False
    nothing = explain(world.links, who(1), who(1003))
    assert (nothing.hops, nothing.weakest, nothing.disjoint) == ((), None, 0)
    assert explain(world.links, who(1), who(1)).hops == ()


def test_a_second_road_and_a_family_too_many_show_in_the_explanation():
    def pair(a: int, b: int, *families: str) -> list[tuple[object, ...]]:
        ends = sorted((who(a), who(b)))
        return [(1, *ends, f"h-{family}", family, Decimal(9), [], 0, True, True) for family in families]

    rows = pair(1, 2, "funding", "sink", "authority") + pair(1, 3, "funding", "sink") + pair(3, 2, "funding", "sink")
    found = explain(pl.DataFrame(rows, schema=LINKS, orient="row"), who(1), who(2))
    assert found.disjoint == 2
    assert {rest.family: (rest.joined, rest.bits) for rest in found.without} == {
        "authority": (True, Decimal("17.6")),
        "funding": (True, Decimal("17.6")),
        "sink": (True, Decimal("18.0")),
    }


def test_hours_count_what_was_held():
    world = wallets(lease(1, 1, block=10_000, gpus=8, days=10))
    row = world.wallets.filter(pl.col("address") == who(1)).row(0, named=True)
    assert (row["leases"], row["h100e_hours"]) == (1, Decimal("1920.000"))
    assert row["roles"] == ["payer", "renter"]
    cluster = world.clusters.filter(pl.col("cluster_id") == row["cluster_id"]).row(0, named=True)
    assert (cluster["size"], cluster["renters"], cluster["payers"], cluster["providers"]) == (1, 1, 1, 0)


def test_thirty_wallets_of_one_funder_that_sweep_to_one_place_are_one_owner():
    rows = crowd()
    for n in range(30):
        rows += pay(70, 100 + n, block=9_000 + 400 * n, nonce=n) + send(100 + n, 77, 40, block=30_000 + n)
        rows += lease(600 + n, 100 + n, block=9_200 + 400 * n, provider=400 + n % 7, gpus=1 + n % 9)
    assert wallets(rows).together(70, *range(100, 130))
    others = sum((send(3000 + n, 77, 40, block=31_000 + n) for n in range(60)), Rows([], [], []))
    swept = wallets(rows + others).links.filter(pl.col("heuristic") == "siblings_sink")
    assert swept["weight"].unique().to_list() == [Decimal("3.0")]
