"""What reviews and time make of leads: confidence, and leads that merge or are withdrawn; names, and comparisons."""

import msgspec

from monitor.model.lead import Disposition
from monitor.rules.backtest import compare, overlaid
from monitor.rules.confidence import MIN_REVIEWED, calibrated
from monitor.rules.names import alike, plain
from monitor.rules.withdrawn import withdrawn
from tests.alerts.samples import make_lead
from tests.rules.judged import judged
from tests.rules.test_leads import landlord
from tests.wallets.worlds import crowd


def reviewed(confirmed: int, explained: int):
    leads = [make_lead(lead_id=f"lead-{n}", typologies=("T04", "T05")) for n in range(confirmed + explained)]
    decided: dict[str, Disposition] = {
        f"lead-{n}": "escalated" if n < confirmed else "dismissed" for n in range(confirmed + explained)
    }
    return calibrated([*leads, make_lead(lead_id="new", typologies=("T03", "T04"))], decided)[-1].confidence


def test_confidence_is_uncalibrated_until_thirty_were_reviewed():
    assert reviewed(10, MIN_REVIEWED - 11) == "uncalibrated"
    assert reviewed(10, MIN_REVIEWED - 10) == "0.34 low (T04, 30 reviewed)"
    assert reviewed(26, 15) == "0.63 medium (T04, 41 reviewed)"
    assert reviewed(40, 0) == "0.98 high (T04, 40 reviewed)"


def test_an_acknowledged_lead_is_not_decided():
    leads = [make_lead(lead_id=f"lead-{n}") for n in range(40)]
    assert calibrated(leads, {f"lead-{n}": "acknowledged" for n in range(40)})[0].confidence == "uncalibrated"


def test_a_lead_whose_wallets_went_into_another_says_so():
    gone = make_lead(lead_id="lead-2", wallets=("1:0xaa", "1:0xbb"), leases=())
    heir = make_lead(lead_id="lead-1", wallets=("1:0xbb", "1:0xcc"), leases=())
    merged = withdrawn(gone, [heir], 9)
    assert (merged.state, merged.history[-1].what, merged.history[-1].detail) == ("retracted", "merged", "lead-1")
    assert withdrawn(merged, [heir], 10) == merged
    alone = withdrawn(gone, [msgspec.structs.replace(heir, wallets=("1:0xdd",))], 9)
    assert (alone.history[-1].what, alone.history[-1].at) == ("retracted", 9)
    assert withdrawn(gone, [msgspec.structs.replace(heir, kind="screening")], 9).history[-1].what == "retracted"


def test_names_are_compared_by_spelling_only():
    assert plain("  Müller & Söhne GmbH ") == plain("gmbh MULLER sohne")
    close = alike(["Example Shipping Trading GmbH"], ["Example Trading Shipping", "Northern Light"], 80)
    assert close.rows() == [("Example Shipping Trading GmbH", "Example Trading Shipping", 89)]
    assert alike(["", "!!"], ["", "Any Name"], 1).is_empty()


def test_a_draft_drops_flags_and_keeps():
    facts = judged(crowd() + landlord()).facts
    live: dict[str, dict[str, int]] = {}
    same = compare(facts, live, live)
    assert [change.change for change in same.leads] == ["kept"]
    softer = compare(facts, {"T07": {"min_days": 3_000}}, live)
    assert [change.change for change in softer.leads] == ["flagged"]
    harder = compare(facts, live, overlaid(live, {"T07": {"min_days": 3_000}}))
    assert [(change.change, change.live_score, change.draft_score) for change in harder.leads] == [("dropped", 50, 0)]
    (rate,) = [rate for rate in harder.rules if rate.rule == "T07"]
    assert (rate.live_findings, rate.draft_findings, rate.live_clusters, rate.draft_clusters) == (1, 0, 1, 0)
    assert rate.tenants > 1


def test_overlaid_keeps_what_the_draft_does_not_name():
    assert overlaid({"T03": {"a": 1, "b": 2}, "T04": {"c": 3}}, {"T03": {"b": 5}, "T05": {"d": 6}}) == {
        "T03": {"a": 1, "b": 5}, "T04": {"c": 3}, "T05": {"d": 6}}  # fmt: skip
