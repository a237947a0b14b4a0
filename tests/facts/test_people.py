from monitor.facts.people import PEOPLE, people
from tests.facts.rows import event, events, time_of, who


def test_renters_payers_beneficiaries_and_depositors_are_watched():
    frame = people(
        events(
            event("lease.open", block=5, renter=who(1), payer=who(2), beneficiary=who(4), provider=who(3)),
            event("lease.deposit", block=9, actor=who(7), amount=1),
            event("lease.open", "2", block=3, renter=who(1), payer=bytes(20)),
            event("provider.upsert", "p", block=1, provider=who(8), actor=who(9)),
        )
    )
    assert dict(frame.schema) == PEOPLE
    assert frame.select("address", "role").rows() == [
        (who(1), "renter"), (who(2), "payer"), (who(4), "beneficiary"), (who(7), "payer"),
    ]  # fmt: skip
    assert frame.row(0) == (1, who(1), "renter", 3, 5, time_of(3), time_of(5))


def test_providers_only_when_asked():
    rows = events(event("lease.open", renter=who(1), provider=who(3)), event("capacity.upsert", "m", provider=who(8)))
    assert people(rows)["role"].to_list() == ["renter"]
    assert people(rows, providers=True)["address"].to_list() == [who(1), who(3), who(8)]
