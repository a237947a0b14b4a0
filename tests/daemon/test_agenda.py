"""What is to be read before the next judgement: versions, questions, and who waits for what."""

from __future__ import annotations

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
    agenda = Agenda()
    agenda.caught_up = True
    for chain_id in read:
        agenda.answer(chain_id, agenda.version)
        agenda.settle(chain_id, agenda.version)
    return agenda


def test_nothing_is_judged_before_every_chain_has_read_all_for_the_first_time() -> None:
    agenda = Agenda()
    assert not agenda.may_judge([ONE, OTHER])
    agenda.answer(ONE, 0)
    agenda.settle(ONE, 0)
    assert not agenda.may_judge([ONE, OTHER])
    agenda.answer(OTHER, 0)
    assert not agenda.may_judge([ONE, OTHER])
    agenda.settle(OTHER, 0)
    assert agenda.may_judge([ONE, OTHER])


def test_a_new_wallet_is_unread_until_its_chain_settles_and_holds_nobody_up() -> None:
    agenda = going(ONE, OTHER)
    assert agenda.take_over(look(TENANT), [ONE], all_matters=False) == (True, True)
    wallet = (TENANT.chain_id, TENANT.address)
    assert agenda.unread == {wallet: agenda.version}
    assert agenda.may_judge([ONE, OTHER])
    assert not agenda.all_read([ONE])
    agenda.settle(OTHER, agenda.version)
    agenda.forget_read()
    assert wallet in agenda.unread
    agenda.settle(ONE, agenda.version)
    agenda.forget_read()
    assert not agenda.unread


def test_a_wallet_far_off_is_read_but_no_lead_waits_for_it() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(FAR), [ONE], all_matters=False) == (True, False)
    assert not agenda.unread
    assert Agenda().take_over(look(FAR), [ONE], all_matters=True) == (True, True)


def test_what_is_watched_already_is_no_news() -> None:
    agenda = going(ONE)
    agenda.take_over(look(TENANT, FAR), [ONE], all_matters=False)
    version = agenda.version
    assert agenda.take_over(look(FAR, TENANT), [ONE], all_matters=True) == (False, False)
    assert agenda.version == version


def test_judging_waits_for_answers_and_is_told_when_they_are_in() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE], all_matters=False) == (True, True)
    assert not agenda.may_judge([ONE])
    assert agenda.questions(ONE) == ([QUESTION], True)
    assert not agenda.answer(ONE, agenda.version - 1)
    assert not agenda.may_judge([ONE])
    assert agenda.answer(ONE, agenda.version)
    assert agenda.may_judge([ONE])
    assert not agenda.answer(ONE, agenda.version)


def test_questions_go_out_once_and_those_leads_wait_for_go_first() -> None:
    agenda = going(ONE)
    agenda.take_over(look(asides=(ASIDE,)), [ONE], all_matters=False)
    agenda.take_over(look(wanted=(QUESTION,), asides=(ASIDE,)), [ONE], all_matters=False)
    assert agenda.questions(ONE) == ([QUESTION], True)
    assert agenda.questions(ONE) == ([ASIDE], False)
    assert agenda.questions(ONE) == ([], False)


def test_only_chains_that_may_be_asked_are_asked() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [OTHER], all_matters=False) == (False, False)
    assert agenda.questions(ONE) == ([], False)
    assert agenda.may_judge([ONE])


def test_the_same_question_is_no_news_until_questions_are_forgotten() -> None:
    agenda = going(ONE)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE], all_matters=False) == (True, True)
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE], all_matters=False) == (False, False)
    agenda.forget_questions()
    assert agenda.take_over(look(wanted=(QUESTION,)), [ONE], all_matters=False) == (True, True)


def test_a_chain_that_fails_has_to_read_again() -> None:
    agenda = going(ONE, OTHER)
    assert not agenda.settle(ONE, 0)
    agenda.fails(ONE)
    assert not agenda.may_judge([ONE, OTHER])
    assert agenda.may_judge([OTHER])
    assert agenda.settle(ONE, 0)
