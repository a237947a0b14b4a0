from decimal import Decimal
from typing import Any

from monitor.facts.capacity import capacity
from monitor.model.schema import CAPACITY
from tests.facts.rows import event, events, hardware, time_of, who


def offer(block: int, **fields: Any) -> dict[str, Any]:
    return event("capacity.upsert", "m1", block=block, provider=who(3), **fields)


def test_machine_on_offer_with_its_latest_fields():
    frame = capacity(
        events(offer(1, gpu_raw="H100", gpu_count=8, region_raw="de-west-1"), offer(5, gpu_count=4)), hardware()
    )
    assert dict(frame.schema) == CAPACITY
    row = frame.row(0, named=True)
    assert (row["machine_id"], row["provider"], row["gpu_count"], row["h100e"]) == ("m1", who(3), 4, Decimal("4.000"))
    assert (row["country"], row["since"], row["until"]) == ("DE", time_of(1), None)


def test_removed_machine_ends_and_returns_with_a_new_start():
    gone = [offer(1), event("capacity.remove", "m1", block=9)]
    assert capacity(events(*gone), hardware()).row(0, named=True)["until"] == time_of(9)
    back = capacity(events(*gone, offer(20)), hardware()).row(0, named=True)
    assert (back["since"], back["until"]) == (time_of(20), None)


def test_removal_of_an_unknown_machine_is_no_machine():
    assert capacity(events(event("capacity.remove", "m1")), hardware()).is_empty()
