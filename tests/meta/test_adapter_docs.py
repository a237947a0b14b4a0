"""docs/adapters.md: its example loads and decodes as it says, its lists are those of the code."""

import json
import re
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from pydantic import BaseModel

from monitor.markets.columns import CONTEXT
from monitor.markets.decode import LOGS, decode_logs
from monitor.markets.lint import _NEEDS, load_checked
from monitor.markets.load import bind_everywhere
from monitor.markets.logfile import decode_file
from monitor.markets.spec import DeploymentTable, EventTable, MarketTable, Missing, PaidUntil, TokenTable, Verb
from monitor.markets.stepspec import Step
from monitor.model.schema import UNIFIED

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")
STEPS: tuple[type[BaseModel], ...] = get_args(get_args(Step)[0])
TABLES: tuple[type[BaseModel], ...] = (MarketTable, TokenTable, DeploymentTable, EventTable)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def rows_under(header):
    """Cells of the table with this header line."""
    after = DOCUMENT.split(header + "\n", 1)[1].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in after[: after.index("")]]


@pytest.fixture
def markets(tmp_path):
    (example,) = blocks("toml")
    (tmp_path / "gridhost").mkdir()
    (tmp_path / "gridhost" / "market.toml").write_text(example, encoding="utf-8")
    return load_checked([tmp_path])


def test_the_example_decodes_its_logs_to_the_fields_it_shows(markets):
    logs, fields = blocks("json")
    offered, booked = decode_file(logs.encode(), markets, bind_everywhere(markets))
    assert (offered.verb, booked.verb, booked.lease_id) == ("capacity.upsert", "lease.open", "7")
    assert json.loads(offered.fields)["region_raw"] == "MY"
    assert json.loads(booked.fields) == json.loads(fields)


def test_the_example_gives_unified_events_and_quarantine(markets):
    bound = bind_everywhere(markets)
    rows = [
        {
            "chain_id": 8453,
            "block_number": int(log["blockNumber"], 16),
            "block_time": int(log["blockTimestamp"], 16),
            "log_index": 0,
            "address": bytes.fromhex(log["address"][2:]),
            "topics": [bytes.fromhex(topic[2:]) for topic in log["topics"]],
            "data": bytes.fromhex(log["data"][2:]),
        }
        for log in json.loads(blocks("json")[0])
    ]
    strange = {**rows[0], "log_index": 1, "topics": [bytes(32)]}
    whole = [{name: row.get(name) for name in LOGS} for row in [*rows, strange]]
    decoded = decode_logs(pl.DataFrame(whole, schema=LOGS), markets, bound)
    assert decoded.events["verb"].to_list() == ["capacity.upsert", "lease.open"]
    assert decoded.events["gpu_count"].to_list() == [8, 8]
    assert decoded.events["amount"].to_list()[1] == 2_500_000 * 8 * 48
    assert decoded.quarantine["reason"].to_list() == ["unknown event 0x" + "00" * 32]


def test_verbs_and_what_they_need():
    rows = {row[0].strip("`"): row for row in rows_under("| verb | key | must set | meaning |")}
    assert list(rows) == list(get_args(Verb))
    for verb, row in rows.items():
        needs = _NEEDS.get(verb)
        groups = needs.groups if needs else ()
        assert row[2] == " and ".join(" or ".join(f"`{name}`" for name in group) for group in groups), verb
        assert (row[1] == "none") == (needs is not None and not needs.key), verb
        assert row[3].endswith(".")


def test_unified_columns_and_their_types():
    kinds = {pl.String(): "text", pl.Binary(): "address", pl.Int64(): "whole number"}
    rows = rows_under("| column | type | unit or meaning |")
    assert [row[0].strip("`") for row in rows] == list(UNIFIED)
    assert [row[1] for row in rows] == [kinds.get(kind, "whole number, 38 digits") for kind in UNIFIED.values()]
    assert all(row[2] for row in rows)


def test_columns_of_the_log():
    assert [row[0].strip("`") for row in rows_under("| column | what it holds |")] == list(CONTEXT)


def test_steps_and_their_keys():
    rows = {row[0].strip("`"): row for row in rows_under("| step | keys | adds |")}
    assert list(rows) == [name for step in STEPS for name in get_args(step.model_fields["do"].annotation)]
    for step in STEPS:
        for name in get_args(step.model_fields["do"].annotation):
            keys = {field.alias or key for key, field in step.model_fields.items()} - {"do"}
            said = re.findall(r"`(\w+)`", re.sub(r"= (`\w+`(, )?)+", "", rows[name][1]))
            assert set(said) == keys, name


def test_keys_of_the_tables():
    rows = {row[0].strip("`[]"): row[1] for row in rows_under("| table | what stands in it |")}
    for name, table in zip(rows, TABLES, strict=True):
        said = set(re.findall(r"`(\w+)`", rows[name]))
        assert said == set(table.model_fields), name


def test_the_rules_of_payment_and_the_gaps_a_market_may_name():
    assert [row[0].strip("`") for row in rows_under("| rule | paid up to |")] == list(get_args(PaidUntil))
    (said,) = re.findall(r"`missing` has the keys (.*?): one line", DOCUMENT)
    assert re.findall(r"`(\w+)`", said) == list(get_args(Missing))
