from tests.rules.cases.site import sold_on
from tests.rules.judged import found, judged


def test_a_machine_that_beats_on_stands_where_it_last_attested():
    findings = found(judged(sold_on()), "T15")
    assert {finding.values["identifiers"] for finding in findings} == {"1"}
