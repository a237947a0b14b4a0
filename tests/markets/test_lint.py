from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.resources import bundled
from monitor.errors import MarketError
from monitor.markets.lint import check, load_checked
from monitor.markets.load import load_markets

HEAD = """\
[market]
id = "m"
title = "M"
source = "a test"
verified = "2026-11-22"
paid_until = "fixed_end"

[[deployment]]
chain = 1
network = "n"
role = "r"
address = "0x6f8F70C74FE7d7a61C8EAC0f35A4Ba39a51E1BEe"
"""
SOME = "0x6f8F70C74FE7d7a61C8EAC0f35A4Ba39a51E1BEe"
GOOD = """
[[event]]
role = "r"
decl = "Opened(uint256 id, address renter, address provider, uint256 fee, string note, uint8[] list)"
verb = "lease.open"
key = "id"
set.renter = "renter"
set.provider = "provider"
set.amount = "fee"
"""


def written(folder: Path, text: str) -> Path:
    (folder / "m").mkdir(exist_ok=True)
    path = folder / "m" / "market.toml"
    path.write_text(text)
    return path


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_built_in_markets_have_no_faults():
    markets = load_checked([bundled("abis")])
    assert list(markets) == sorted(path.parent.name for path in bundled("abis").glob("*/market.toml"))


@pytest.mark.parametrize(
    ("plant", "at", "what"),
    [
        ('set.gpu_raw = "nota"', "set.gpu_raw", "no column nota in Opened"),
        ('set.gpu_raw = "renter +"', "set.gpu_raw", "not SQL"),
        ('set.planned_end = "note"', "set.planned_end", "is String, wanted Int64"),
        ('set.price_amount = "fee * 1.5"', "set.price_amount", "wanted Decimal"),
        ('set.payer = "note"', "set.payer", "is String, wanted Binary"),
        ('set.gpu_model = "note"', "set.gpu_model", "no such unified column"),
        ('where = "fee"', "where", "wanted Boolean"),
        ('set.name = "CAST(SUM(fee) AS VARCHAR)"', "set.name", "mixes rows"),
        ('set.name = "CAST(CURRENT_DATE AS VARCHAR)"', "set.name", "reads the clock"),
        ('steps = [{ do = "json", of = "fee", paths = { a = "a" } }]', "steps", "wanted String or Binary"),
        ('steps = [{ do = "explode", of = "note" }]', "steps", "wanted List"),
        ('steps = [{ do = "lookup", table = "t", key = "id", as = "x" }]', "steps", "table t is never filled"),
        ('steps = [{ do = "items", of = "list", total = { n = "nota" } }]', "steps", "nota"),
        ('child = "r"', "child", "has no child"),
        (
            'steps = [{ do = "keccak_packed", types = ["address"], args = ["renter", "fee"], as = "h" }]',
            "steps",
            "one type",
        ),
        ('steps = [{ do = "json", of = "note", paths = { address = "a" } }]', "steps", "hides the column address"),
        ('table = "t"', "table", "fills no table"),
        ('value = "fee"', "value", "takes no value"),
    ],
)
def test_a_planted_fault_is_found_with_its_line(tmp_path, plant, at, what):
    text = HEAD + GOOD + plant + "\n"
    path = written(tmp_path, text)
    problems = check(load_markets([tmp_path]))
    assert len(problems) == 1
    assert problems[0].file == str(path)
    assert what in problems[0].message
    assert problems[0].line == len(text.splitlines()), at


EVENT = '\n[[event]]\nrole = "r"\ndecl = "{decl}"\nverb = "{verb}"\n'


@pytest.mark.parametrize(
    ("more", "at", "what"),
    [
        (
            EVENT.format(decl="Paid(uint256 id)", verb="lease.settle") + 'key = "id"\n',
            "lease.settle",
            "must set amount",
        ),
        (EVENT.format(decl="Paid(uint256 id)", verb="lease.close"), "lease.close", "needs a key"),
        (
            EVENT.format(decl="Made(address one)", verb="child.register") + 'key = "one"\nchild = "nobody"\n',
            "child = ",
            "role nobody emits no declared event",
        ),
        (
            EVENT.format(decl="Made(address one)", verb="child.register") + 'key = "one"\n',
            "child.register",
            "needs the child's role",
        ),
        (
            EVENT.format(decl="Paid(uint256 id)", verb="table.put")
            + 'key = "id"\nvalue = "x"\ntable = "t"\n'
            + 'steps = [{ do = "lookup", table = "t", key = "id", as = "x" }]\n',
            'table = "t"',
            "filled from itself",
        ),
        (
            EVENT.format(decl="Paid(uint256 id)", verb="table.put") + 'key = "id"\nvalue = "id"\n',
            "table.put",
            "needs a table",
        ),
        (
            EVENT.format(decl="Paid(uint256 id)", verb="table.put") + 'key = "id"\nvalue = "id"\ntable = "t"\n',
            'table = "t"',
            "never looked up",
        ),
        (
            EVENT.format(decl="Paid(address address)", verb="lease.close") + 'key = "chain_id"\n',
            "Paid",
            "hides a column",
        ),
        (
            EVENT.format(decl="A(uint8 indexed a, uint8 b)", verb="ignore")
            + EVENT.format(decl="A(uint8 a, uint8 indexed b)", verb="ignore"),
            "uint8 indexed b",
            "same topic and number of topics as line",
        ),
        (
            EVENT.format(decl="A(uint8 a)", verb="ignore")
            + EVENT.format(decl="A(uint8 a)", verb="heartbeat")
            + 'key = "a"',
            None,
            "both read and ignored",
        ),
        (EVENT.format(decl="A(uint8 a)", verb="ignore").replace('"r"', '"q"'), '"q"', "role q has no deployment"),
        (
            '\n[[deployment]]\nchain = 1\nnetwork = "n"\nrole = "z"\naddress = "0x' + "1" * 40 + '"\n',
            '"z"',
            "emits no declared event",
        ),
        (
            '\n[[deployment]]\nchain = 2\nnetwork = "n"\nrole = "r"\naddress = "0x6F8F' + SOME[6:] + '"\n',
            "0x6F8F",
            "wrong EIP-55 checksum",
        ),
    ],
)
def test_a_fault_between_tables_is_found_with_its_line(tmp_path, more, at, what):
    text = HEAD + GOOD + more
    written(tmp_path, text)
    (problem,) = check(load_markets([tmp_path]))
    assert what in problem.message
    if at:
        assert problem.line == line_of(text, at)


def test_all_faults_of_all_files_come_at_once(tmp_path):
    text = HEAD + GOOD.replace("lease.open", "lease.begin").replace("uint8[]", "uint7[]") + 'colour = "red"\n'
    written(tmp_path, text)
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "market.toml").write_text("[market\n")
    with pytest.raises(MarketError) as caught:
        load_markets([tmp_path, tmp_path / "gone"])
    lines = caught.value.message.splitlines()
    assert any(f"market.toml:{line_of(text, 'lease.begin')}: event.0.verb" in line for line in lines)
    assert any(f"market.toml:{line_of(text, 'colour')}: event.0.colour: unknown key" in line for line in lines)
    assert any("n/market.toml:1: TOML syntax" in line for line in lines)
    assert any("no such folder" in line for line in lines)
    assert caught.value.hint


def test_the_folder_of_one_market_is_not_taken_for_an_empty_folder_of_markets(tmp_path):
    written(tmp_path, HEAD + GOOD)
    assert load_markets([tmp_path])
    with pytest.raises(MarketError, match=f"is one market; name the folder it stands in, {tmp_path}"):
        load_markets([tmp_path / "m"])


def test_a_wrong_declaration_is_named_with_its_line(tmp_path):
    text = HEAD + GOOD.replace("uint8[]", "uint7[]")
    written(tmp_path, text)
    with pytest.raises(MarketError, match=rf":{line_of(text, 'decl')}: .*unknown type uint7"):
        load_markets([tmp_path])


def test_load_checked_raises_what_check_finds(tmp_path):
    written(tmp_path, HEAD + GOOD + 'set.name = "nota"\n')
    with pytest.raises(MarketError, match="no column nota"):
        load_checked([tmp_path])
