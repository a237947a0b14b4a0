import polars as pl
import pytest

from monitor.rules import t19
from tests.rules.cases.market import priced
from tests.rules.judged import found, judged
from tests.rules.play import DAY_BLOCKS, START, each, lease


@pytest.mark.parametrize(("cents", "side"), [(90, "below"), (110, None), (310, "above")])
def test_a_discount_counts_only_below_what_is_offered_in_public(monkeypatch, cents, side):
    band = pl.DataFrame({"gpu_model": ["h100-sxm"], "low": [1_000_000], "high": [4_000_000]})
    monkeypatch.setattr(t19, "list_prices", lambda: band)
    findings = found(judged(priced(cents)), "T19")
    assert [finding.values["side"] for finding in findings] == ([side] if side else [])
    assert [finding.common for finding in findings] == ([side == "below"] if side else [])


@pytest.mark.parametrize(("cents", "sides"), [(210, []), (340, ["above"]), (60, ["below"])])
def test_what_a_quarter_of_the_market_pays_is_not_far_from_it(cents, sides):
    dear = each(
        *(
            lease(500 + n, 2_000 + n, block=START - n * DAY_BLOCKS, provider=600 + n, price_amount=(205 + n) * 80_000)
            for n in range(8, 18)
        )
    )
    bulk = each(
        *(
            lease(
                700 + n, 3_000 + n, block=START - n * DAY_BLOCKS, provider=800 + n, price_amount=(118 + n % 5) * 80_000
            )
            for n in range(8, 26)
        )
    )
    mine = lease(1, 1, block=START, price_amount=cents * 80_000)
    assert [finding.values["side"] for finding in found(judged(bulk + dear + mine), "T19")] == sides
