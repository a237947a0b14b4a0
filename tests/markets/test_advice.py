"""Remarks on adapters: each with its line, none of them an error."""

from __future__ import annotations

import pytest

from monitor.markets.advice import advice
from monitor.markets.lint import check
from monitor.markets.load import load_markets
from tests.markets.test_lint import GOOD, HEAD, line_of, written

SETTLED = '\n[[event]]\nrole = "r"\ndecl = "Paid(uint256 id, uint256 fee)"\nverb = "{verb}"\nkey = "id"\n'


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        (HEAD + GOOD, "decl", "Opened: no rule reads note, list"),
        (HEAD + GOOD, "[[deployment]]", "r on n has no from_block"),
        (HEAD + SETTLED.format(verb="lease.close"), "lease.close", "lease.close has no effect: no event is lease.open"),
        (HEAD + SETTLED.format(verb="capacity.remove"), "capacity.remove", "no event is capacity.upsert"),
    ],
)
def test_what_is_left_unsaid_is_remarked_on_with_its_line(tmp_path, text, at, what):
    written(tmp_path, text)
    markets = load_markets([tmp_path])
    assert check(markets) == []
    assert [remark.line for remark in advice(markets) if what in remark.message] == [line_of(text, at)]


def test_money_without_a_lease_is_a_payment_feed_and_a_digits_column_counts_as_read(tmp_path):
    feed = SETTLED.format(verb="lease.settle").replace('key = "id"', 'key = "id_text"\nset.amount = "fee"')
    born = HEAD.replace("role", "from_block = 5\nrole", 1)
    written(tmp_path, born + feed)
    assert advice(load_markets([tmp_path])) == []
