"""What is to be read before the next judgement: versions, questions, and who waits for what."""

from __future__ import annotations

import asyncio

from monitor.chain.reads import Wanted
from monitor.daemon.agenda import Agenda
from monitor.daemon.judge import Look
from monitor.daemon.watch import Watched
from monitor.wallets.watch import LAST_AWAITED

ONE, OTHER = 1, 8453
TENANT = Watched(ONE, b"\x01" * 20, "token", 0, None)
FAR = Watched(ONE, b"\x02" * 20, "token", 0, None, stage=LAST_AWAITED + 1)
QUESTION = Wanted(ONE, 7, "call", b"\x03" * 20, b"")
ASIDE = Wanted(ONE, 7, "code", b"\x04" * 20, b"")


def look(*watched: Watched, wanted: tuple[Wanted, ...] = (), asides: tuple[Wanted, ...] = ()) -> Look:
    return Look(list(watched), (), list(wanted), list(asides))


def going(*read: int) -> Agenda:
    """Make an agenda of a daemon that caught up, on chains that read all there was."""
    agenda = Agenda(read)
    agenda.caught_up = True
    for chain_id in read:
        agenda.answer(chain_id, agenda.version)
        agenda.settle(chain_id, agenda.version)
    return agenda


def test_nothing_is_judged_before_every_chain_has_read_all_for_the_first_time() -> None:
    agenda = Agenda([ONE, OTHER])
    assert not agenda.may_judge()
    agenda.answer(ONE, 0)
    agenda.settle(ONE, 0)
    assert not agenda.may_judge()
    agenda.answer(OTHER, 0)
    assert not agenda.may_judge()
    agenda.settle(OTHER, 0)
    assert agenda.may_judge()


def test_a_new_wallet_is_unread_until_its_chain_settles_and_holds_nobody_up() -> None:
    agenda = going(ONE, OTHER)
    assert agenda.take_over(look(TENANT), [ONE]) == (True, True)
    wallet = (TENANT.chain_id, TENANT.address)
    assert agenda.unread == {wallet: agenda.version}
    assert agenda.may_judge()
    assert not agenda.all_read()
    agenda.settle(OTHER, agenda.version)
    agenda.forget_read()
    assert wallet in agenda.unread
    agenda.settle(ONE, agenda.version)
    agenda.forget_read()
    assert not agenda.unread


def test_a_wallet_far_off_is_read_but_no_lead_waits_for_it() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(FAR), [ONE]) == (True, False)
    assert not agenda.unread
    assert Agenda([ONE], all_matters=True).take_over(look(FAR), [ONE]) == (True, True)


def test_what_is_watched_already_is_no_news() -> None:
    agenda = going(ONE)
    agenda.take_over(look(TENANT, FAR), [ONE])
    version = agenda.version
    assert agenda.take_over(look(FAR, TENANT), [ONE]) == (False, False)
    assert agenda.version == version


def test_judging_waits_for_answers_and_is_told_when_they_are_in() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE]) == (True, True)
    assert not agenda.may_judge()
    assert agenda.questions(ONE) == ([QUESTION], True)
    assert not agenda.answer(ONE, agenda.version - 1)
    assert not agenda.may_judge()
    assert agenda.answer(ONE, agenda.version)
    assert agenda.may_judge()
    assert not agenda.answer(ONE, agenda.version)


def test_questions_go_out_once_and_those_leads_wait_for_go_first() -> None:
    agenda = going(ONE)
    agenda.take_over(look(asides=(ASIDE,)), [ONE])
    agenda.take_over(look(wanted=(QUESTION,), asides=(ASIDE,)), [ONE])
    assert agenda.questions(ONE) == ([QUESTION], True)
    assert agenda.questions(ONE) == ([ASIDE], False)
    assert agenda.questions(ONE) == ([], False)


def test_only_chains_that_may_be_asked_are_asked() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [OTHER]) == (False, False)
    assert agenda.questions(ONE) == ([], False)
    assert agenda.may_judge()


def test_the_same_question_is_no_news_until_questions_are_forgotten() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE]) == (True, True)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE]) == (False, False)
    agenda.forget_questions()
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE]) == (True, True)


def test_a_chain_that_fails_has_to_read_again() -> None:
    agenda = going(ONE, OTHER)
    assert not agenda.settle(ONE, 0)
    agenda.fails(ONE)
    assert agenda.may_judge(), "the others go on"
    agenda.recovers(ONE)
    assert not agenda.may_judge()
    assert agenda.settle(ONE, 0)


def test_a_chain_that_fails_is_not_asked() -> None:
    agenda = going(ONE, OTHER)
    agenda.fails(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE, OTHER]) == (False, False)


async def test_whoever_waits_for_all_to_be_read_goes_on_when_the_last_chain_has() -> None:
    agenda = going(ONE, OTHER)
    agenda.take_over(look(TENANT), [ONE])
    waiting = asyncio.create_task(agenda.until_all_read())
    for chain_id in (ONE, OTHER):
        await asyncio.sleep(0)
        assert not waiting.done()
        agenda.settle(chain_id, agenda.version)
    await waiting
