"""`monitor rules test` and `monitor backtest`: rules tried on the ledger, beside the ones in force, writing nothing."""

import hashlib

import pytest

from monitor.rules.registry import all_rules
from tests.cli.conftest import run

pytestmark = pytest.mark.node


def test_every_rule_is_tried_and_says_where_it_is_blind(ledger):
    done = ledger.read("rules", "test", "--format", "csv")
    rows = {row["rule"]: row for row in done.csv()}
    assert list(rows) == [rule.id for rule in all_rules()]
    assert int(rows["T03"]["findings"]) > 0
    assert "T21: not assessable: no list of addresses was imported" in done.err.splitlines()
    assert "T22: switched off" in done.err.splitlines()
    assert any(line.startswith("T13: not assessable: marlin_oyster on chain") for line in done.err.splitlines())


def test_one_rule_lists_its_findings_under_other_parameters(ledger):
    plain = ledger.read("rules", "test", "T04", "--format", "csv").csv()
    harder = ledger.read("rules", "test", "t04", "--set", "min_renters=100", "--format", "csv").csv()
    assert plain
    assert harder == []
    assert {row["rule"] for row in plain} == {"T04"}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("rules", "test", "T99"), "there is no rule 'T99'"),
        (("rules", "test", "--set", "min_renters=4"), "--set needs the rule it is for"),
        (("rules", "test", "T04", "--set", "min_renters"), "is not NAME=VALUE"),
        (("rules", "test", "T04", "--set", "min_renters=1"), "must be between 2 and"),
        (("rules", "test", "T04", "--set", "=4"), "is not NAME=VALUE"),
    ],
)
def test_wrong_questions_are_answered_plainly(ledger, argv, words):
    done = ledger.read(*argv)
    assert done.code == 2
    assert words in done.err


def test_a_draft_is_held_against_the_rules_in_force_and_writes_nothing(own_ledger):
    draft = own_ledger.folder / "draft.toml"
    draft.write_text(
        "[rules.T03]\nenabled = false\n[rules.T04]\nenabled = false\n[rules.T24]\nenabled = false\n", encoding="utf-8"
    )
    before = hashlib.sha256((own_ledger.folder / "monitor.db").read_bytes()).hexdigest()
    done = own_ledger.run("backtest", "--rules", str(draft), "--format", "csv")
    rates = {row["rule"]: row for row in done.csv()}
    assert done.code == 0, done.err
    assert int(rates["T04"]["live_findings"]) > 0
    assert rates["T04"]["draft_findings"] == "0"
    assert rates["T05"]["live_findings"] == rates["T05"]["draft_findings"]
    leads = own_ledger.run("backtest", "--rules", str(draft), "--show", "leads", "--format", "csv").csv()
    assert [row["change"] for row in leads] == ["dropped", "dropped", "dropped", "kept"]
    assert (leads[-1]["live_typologies"], leads[-1]["draft_typologies"]) == ("T01|T03|T04|T05", "T01|T05")
    assert "leads: 1 kept, 0 flagged by the draft only, 3 dropped" in done.err
    assert hashlib.sha256((own_ledger.folder / "monitor.db").read_bytes()).hexdigest() == before


def test_history_is_cut_at_both_ends(ledger, tmp_path):
    draft = tmp_path / "same.toml"
    draft.write_text("", encoding="utf-8")
    whole = ledger.read("backtest", "--rules", str(draft), "--show", "leads", "--format", "csv").csv()
    assert {row["change"] for row in whole} == {"kept"}
    late = ledger.read("backtest", "--rules", str(draft), "--since", "2999-01-01", "--show", "leads", "--format", "csv")
    assert late.csv() == []
    early = ledger.read("backtest", "--rules", str(draft), "--until", "2", "--show", "leads", "--format", "csv")
    assert early.csv() == []
    swapped = ledger.read("backtest", "--rules", str(draft), "--since", "2026-02-01", "--until", "2026-01-01")
    assert (swapped.code, swapped.out) == (2, "")
    assert "--until 2026-01-01 is before --since 2026-02-01" in swapped.err
    wrong = ledger.read("backtest", "--rules", str(draft), "--until", "soon")
    assert (wrong.code, "'soon' is neither a block number nor a time" in wrong.err) == (2, True)


def test_a_wrong_draft_is_named_with_its_line(tmp_path):
    draft = tmp_path / "wrong.toml"
    draft.write_text("[rules.T04]\nmin_renters = 1\n", encoding="utf-8")
    done = run("backtest", "--rules", str(draft))
    assert done.code == 2
    assert f"{draft}:2: rules.T04.min_renters must be between" in done.err
    assert run("backtest", "--rules", str(tmp_path / "none.toml")).code == 2
    draft.write_text("rules = 3\n", encoding="utf-8")
    assert "is no draft of rules" in run("backtest", "--rules", str(draft)).err
