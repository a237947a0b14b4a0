from __future__ import annotations

import pytest

from monitor.alerts.deliver import Counts, Deliverer
from monitor.alerts.message import Severity, announced, diff
from monitor.alerts.outbox import dead, delivered, failed, outbox_rows, put_off, replayed
from monitor.alerts.receiver import Receiver
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from tests.alerts.samples import SECRET, make_context, make_lead, make_row, make_sink


def test_a_row_remembers_its_first_attempt_and_its_last_error():
    row = failed(make_row(), 100, 105, "500")
    assert (row.state, row.attempts, row.next_at, row.first_at, row.last_error) == ("pending", 1, 105.0, 100.0, "500")
    row = delivered(row, 106)
    assert (row.state, row.attempts, row.first_at, row.delivered_at, row.last_error) == (
        "delivered",
        2,
        100.0,
        106.0,
        "500",
    )


def test_giving_up_and_putting_off_are_no_attempts():
    assert (dead(make_row(), "gone").state, dead(make_row(), "gone").attempts) == ("dead", 0)
    assert (put_off(make_row(), 9).next_at, put_off(make_row(), 9).attempts) == (9.0, 0)
    assert failed(make_row(), 100, None, "500").state == "dead"


@pytest.mark.parametrize("row", [failed(make_row(), 100, None, "500"), delivered(make_row(), 100)])
def test_a_replay_keeps_the_id_and_starts_the_schedule_anew(row):
    again = replayed(row)
    assert (again.alert_id, again.state, again.attempts, again.next_at) == (row.alert_id, "pending", 0, 0.0)
    assert again.delivered_at is None


async def test_through_a_real_ledger_and_a_real_receiver(tmp_path):
    path = tmp_path / "monitor.db"
    sinks: dict[str, Severity] = {"least": "low"}
    async with Receiver(SECRET) as receiver, Writer(path) as writer:
        alerts = diff([], [make_lead(), make_lead("lead-2")], {}, sinks=sinks, context=make_context())
        for _ in range(2):
            await writer.put_judgement([], [make_lead()], outbox_rows(alerts))
        deliverer = Deliverer(writer, {"least": make_sink(receiver.url)})
        assert await deliverer.drain(10) == Counts(delivered=2)
        assert await deliverer.drain(10) == Counts()
        with Reader(path) as reader:
            rows = reader.outbox()
        assert {row.state for row in rows} == {"delivered"}
        assert {message.webhook_id for message in receiver.messages} == {row.alert_id for row in rows}
        assert diff([], [make_lead(), make_lead("lead-2")], announced(rows), sinks=sinks, context=make_context()) == []
        await writer.update_delivery([replayed(rows[0])])
        assert await deliverer.drain(10) == Counts(delivered=1)
        assert (receiver.duplicates, len(receiver.messages)) == (1, 2)
