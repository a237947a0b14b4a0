import pytest

from tests.facts.rows import MARKET, USDC, event, time_of, token_log, who
from tests.rules import play
from tests.rules.cases.funding import fronts
from tests.rules.judged import found, judged, only
from tests.wallets.test_owners import answers, reads
from tests.wallets.worlds import DAY_BLOCKS, Rows, label_rows, lease, pay

START = 50_000


def top_up(number: int, payer: int, usd: int, *, block: int) -> Rows:
    row = event("lease.deposit", f"L{number}", block=block, log=3, actor=who(payer), payer=who(payer),
                amount=usd * 10**6, token=USDC)  # fmt: skip
    return Rows([row], [token_log(who(payer), MARKET, usd * 10**6, block=block, log=2)], [])


def opened(payer: int = 1, *, usd: int = 1_000, number: int = 1, renter: int = 1, block: int = START) -> Rows:
    return lease(number, renter, block=block, payer=who(payer), amount=usd * 10**6)


def test_two_payments_by_an_outsider_that_carry_half_match():
    rows = opened() + top_up(1, 70, 400, block=START + 100) + top_up(1, 70, 600, block=START + 200)
    (finding,) = found(judged(rows), "T05")
    assert finding.values["share_percent"] == "50"
    assert finding.values["payments"] == "2"
    assert finding.values["third_party_usd"] == "1000"
    assert finding.points == 15
    assert finding.at == time_of(START + 200)
    assert {p.block_number for p in finding.evidence} == {START + 100, START + 200}
    assert finding.leases == ("reference:1:L1",)


def test_an_outsider_who_opens_two_leases_matches():
    rows = opened(70) + opened(70, number=2, block=START + DAY_BLOCKS)
    assert found(judged(rows), "T05")


def test_the_payer_a_patch_names_counts():
    about = {"renter": who(1), "provider": who(300), "price_token": USDC, "amount": 10**9}
    patches = [event("lease.patch", f"L{n}", block=START + n, log=0, payer=who(70)) for n in (1, 2)]
    opens = [event("lease.open", f"L{n}", block=START + n, log=1, **about) for n in (1, 2)]
    assert found(judged(Rows([*patches, *opens], [], [])), "T05")
    assert found(judged(Rows(opens, [], [])), "T05") == []


@pytest.mark.parametrize(
    "rows",
    [
        opened() + opened(number=2, block=START + 5),
        opened(70),
        opened() + top_up(1, 70, 499, block=START + 1) + top_up(1, 70, 500, block=START + 2),
        opened(usd=100) + top_up(1, 70, 300, block=START + 1) + top_up(1, 71, 300, block=START + 2),
        opened(70, usd=300) + top_up(1, 70, 300, block=START + 40 * DAY_BLOCKS),
        pay(70, 1, block=START - 9_000) + opened(70) + opened(70, number=2, block=START + 5),
    ],
    ids=["pays itself", "once", "below half", "twice, but by two people", "months apart", "its own first funder"],
)
def test_look_alikes_stay_quiet(rows):
    assert found(judged(rows), "T05") == []


def test_relayers_and_paymasters_pay_for_others_by_design():
    rows = opened(70) + opened(70, number=2, block=START + 5)
    assert found(judged(rows, label_rows((70, "Relayer", "relayer"))), "T05") == []


def test_a_payer_of_very_many_renters_says_less():
    rows = Rows([], [], [])
    for n in range(6):
        rows += opened(70, number=10 + n, renter=1 + n, block=START + n)
        rows += opened(70, number=20 + n, renter=1 + n, block=START + 50 + n)
    full = found(judged(rows), "T05")
    assert {f.points for f in full} == {15}
    lower = found(judged(rows, overrides=only("T05", hub_renters=6)), "T05")
    assert {f.points for f in lower} == {5}
    assert any("may be a service" in caveat for caveat in lower[0].caveats)


def sponsored(payer: int = 70, *, tied: bool = False, place: int | None = None) -> Rows:
    """Six labs at several providers, each paid for twice; `tied` by one wallet that started them all."""
    rows = Rows([], [], [])
    for n in range(6):
        rows += pay(50 if tied else 60 + n, 1 + n, block=START - 900 + n, nonce=n)
        for k in range(2):
            rows += lease(10 * k + n, 1 + n, block=START + 50 * k + n, payer=who(payer), provider=place or 300 + n)
    return rows


@pytest.mark.parametrize(
    ("rows", "common"),
    [(sponsored(), True), (sponsored(tied=True), False), (sponsored(place=300), False)],
    ids=["nothing ties them", "one wallet started them", "they meet at one provider"],
)
def test_a_sponsor_of_several_who_have_nothing_in_common_is_a_common_sign(rows, common):
    findings = found(judged(rows), "T05")
    assert {finding.common for finding in findings} == {common}
    assert any("as sponsors do" in caveat for each in findings for caveat in each.caveats) == common


def test_one_purse_of_several_fronts_is_told_though_all_are_known_for_one_cluster():
    (finding,) = found(judged(fronts(3)), "T05")
    assert finding.common
    assert finding.values["share_percent"] == "100"
    assert finding.values["payments"] == "2"
    assert any("the tenants' own cluster" in caveat for caveat in finding.caveats)


def test_an_outsider_beside_the_purse_is_judged_by_what_it_pays_itself():
    aside = top_up(0, 71, 1, block=play.START + 99) + top_up(1, 71, 1, block=play.START + 100)
    (finding,) = found(judged(fronts(3) + aside), "T05")
    assert finding.common
    much = top_up(0, 71, 900_000, block=play.START + 99) + top_up(1, 71, 900_000, block=play.START + 100)
    (finding,) = found(judged(fronts(3) + much), "T05")
    assert not finding.common


@pytest.mark.parametrize(("needed", "common"), [(2, True), (1, False)], ids=["two must sign", "any one may"])
def test_a_safe_that_several_sign_for_is_a_common_sign(needed, common):
    rows = opened(70) + opened(70, number=2, block=START + 5)
    (finding,) = found(judged(rows, about=reads(*answers(70, 51, 52, 53, threshold=needed))), "T05")
    assert finding.common == common


def test_one_payer_in_the_open_does_not_excuse_another():
    rows = opened(71, number=3) + opened(70, block=START + 5) + opened(70, number=2, block=START + 9)
    (finding,) = found(judged(rows, about=reads(*answers(70, 51, 52, threshold=2))), "T05")
    assert not finding.common


def test_hostile_amounts_do_not_hide_or_break_the_rule():
    rows = opened(70) + opened(70, number=2, block=START + 5)
    huge = event("lease.deposit", "L1", block=START + 6, log=9, payer=who(1), actor=who(1), amount=10**38 - 1)
    assert found(judged(Rows([*rows.events, huge], rows.logs, rows.native)), "T05")


def test_markets_whose_payments_name_no_lease_are_said():
    silent = event("lease.open", "x", block=START, renter=who(1), provider=who(3), market="spheron")
    world = judged(Rows([silent], [], []))
    expected = "T05: not assessable: spheron on chain 1: no payment names its lease"
    assert expected in world.judgement.not_assessable
