import polars as pl
import pytest

from monitor.rules import t19
from tests.rules.cases.market import priced
from tests.rules.judged import found, judged


@pytest.mark.parametrize(("cents", "side"), [(90, "below"), (110, None), (310, "above")])
def test_a_discount_counts_only_below_what_is_offered_in_public(monkeypatch, cents, side):
    band = pl.DataFrame({"gpu_model": ["h100-sxm"], "low": [1_000_000], "high": [4_000_000]})
    monkeypatch.setattr(t19, "list_prices", lambda: band)
    findings = found(judged(priced(cents)), "T19")
    assert [finding.values["side"] for finding in findings] == ([side] if side else [])
    assert [finding.common for finding in findings] == ([side == "below"] if side else [])
