"""What a silence holds back does not reach the outbox, and does once the silence is over."""

from pathlib import Path

import msgspec

from monitor.config.spec import SinkConfig
from monitor.daemon.judge import Judge
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer, record_silence
from monitor.model.silence import Silence
from monitor.sim.anvil import CHAIN_ID
from tests.laws.test_reading import Chain, played

LONG = 10**11


async def test_an_alert_waits_for_the_end_of_its_silence(tmp_path: Path):
    twin, config, bundle = played(1, tmp_path)
    sink = SinkConfig.model_validate({"kind": "slack", "url": "https://hooks.example/"})
    config = config.model_copy(update={"alerts": config.alerts.model_copy(update={"sinks": {"team": sink}})})
    path = Path(config.ledger.path)
    async with Writer(path) as writer:
        await writer.put_chain(CHAIN_ID, "local")
        await Chain(twin, writer, 1).extend(0, len(twin.headers))
        with Reader(path) as reader:
            judge = Judge(config, bundle, writer, reader)
            await judge.look(await judge.survey())
            silence = Silence(silence_id="silence-1", sinks=("team",), reason="move", author="kim", at=0, until=LONG)
            record_silence(path, silence)
            await judge.commit()
            leads = {lead.lead_id for lead in reader.leads()}
            assert leads
            assert reader.outbox() == []
            record_silence(path, msgspec.structs.replace(silence, ended_at=1, ended_by="kim"))
            await judge.commit()
            assert {row.lead_id for row in reader.outbox()} == leads
