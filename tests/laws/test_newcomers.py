"""Newcomers are told before a look comes to them: what is told early, a look at the same rows tells too."""

from collections.abc import Sequence
from pathlib import Path

from polars.testing import assert_frame_equal

from monitor.daemon.judge import Judge
from monitor.daemon.watch import Watched
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.sim.anvil import CHAIN_ID
from monitor.views.assemble import assemble
from tests.laws.test_reading import Chain, played

CUTS = (0.4, 0.5, 0.55, 0.6, 0.8)


async def test_what_newcomers_bring_is_a_part_of_what_a_look_asks_for(tmp_path: Path):
    twin, config, bundle = played(3, tmp_path)
    head = len(twin.headers)
    early: set[int] = set()
    async with Writer(Path(config.ledger.path)) as writer:
        await writer.put_chain(CHAIN_ID, "local")
        chain, at = Chain(twin, writer, 3), -1
        with Reader(Path(config.ledger.path)) as reader:
            judge = Judge(config, bundle, writer, reader)
            watched: Sequence[Watched] = []
            for number, cut in enumerate(int(head * share) for share in CUTS):
                await chain.extend(at + 1, cut)
                survey = await judge.survey()
                if number:
                    own = await judge.newcomers(survey, watched)
                    # A second survey to one look, with more blocks final: the look goes on from the look before.
                    await writer.finalize(CHAIN_ID, cut - 20)
                    survey = await judge.survey()
                    told = {*own.watched, *(await judge.newcomers(survey, own.watched)).watched} - {*watched}
                    early |= {row.stage for row in told}
                look = await judge.look(survey)
                watched, at = look.watched, cut
                if number:
                    assert told <= {*watched}
                    assert (await judge.newcomers(survey, watched)).watched == watched
                whole, found = assemble(reader, bundle, config), judge._latest
                assert found is not None
                assert found.world.judgement == whole.world.judgement
                assert_frame_equal(found.world.watch, whole.world.watch)
                assert_frame_equal(found.world.facts.leases, whole.world.facts.leases)
    assert early == {0, 1}, "people of leases, and who funded them"
