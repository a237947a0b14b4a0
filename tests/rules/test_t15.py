import pytest

from tests.rules.cases.site import attested, sold_on
from tests.rules.judged import found, judged
from tests.rules.play import START, each, lease


def test_a_machine_that_beats_on_stands_where_it_last_attested():
    findings = found(judged(sold_on()), "T15")
    assert {finding.values["identifiers"] for finding in findings} == {"1"}


@pytest.mark.parametrize(("machines", "told"), [(1, 2), (3, 2), (4, 3)])
def test_the_only_customer_stands_for_a_provider_when_it_leases_half_of_what_stands(machines, told):
    """Two providers attest the same eight machines; a tenant leases some of one: told are they, and it."""
    ids = tuple(f"{n}f{n}a" * 8 for n in range(1, 9))
    both = attested(300, 1, 60, ids) + attested(301, 1, 60, ids)
    rows = both + each(*(lease(n, 1, block=START + 99 + n, machine_id=f"300-{n}") for n in range(machines)))
    assert len({finding.cluster_id for finding in found(judged(rows), "T15")}) == told
