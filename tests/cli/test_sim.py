from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.main import cli, main
from monitor.sim.archetypes import ADVERSARIES, HONEST


def run(*argv: str) -> tuple[str, str]:
    result = CliRunner().invoke(cli, argv, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_list_names_every_kind():
    rows = json.loads(run("sim", "list", "--format", "json")[0])
    assert [row["kind"] for row in rows] == [kind.__name__ for kind in (*HONEST, *ADVERSARIES)]
    assert all(row["about"] for row in rows)


def test_a_world_is_played_and_read_by_the_other_commands(tmp_path: Path):
    out = tmp_path / "world"
    _, said = run("sim", "play", "--out", str(out), "--actors", "20", "--seed", "3")
    assert "20 actors" in said
    config = str(out / "config.toml")
    leases = json.loads(run("--config", config, "leases", "--format", "json")[0])
    truth = json.loads((out / "truth.json").read_text())
    assert len(truth["truth"]) == 20
    assert len(leases) > 20
    shown = [row["lead_id"] for row in json.loads(run("--config", config, "leads", "list", "--format", "json")[0])]
    assert shown
    for lead in shown:
        run("--config", config, "leads", "ack", lead, "--reviewer", "kim")


def test_a_full_folder_is_left_alone(tmp_path: Path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["sim", "play", "--out", str(tmp_path)])
    assert ended.value.code == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_scores_are_printed_with_their_intervals():
    out, said = run("sim", "score", "--seeds", "3", "--actors", "20", "--format", "json")
    rows = json.loads(out)
    assert rows[0]["measure"] == "lead precision"
    assert {"lead recall", "pattern recall", "honest flagged"} <= {row["measure"] for row in rows}
    assert all(float(row["low"]) <= float(row["high"]) for row in rows)
    assert "world 3 (1 of 1)" in said


def test_a_wrong_range_is_one_line(capsys):
    for text in ("x", "9-1", "1-99999"):
        with pytest.raises(SystemExit) as ended:
            main(["sim", "score", "--seeds", text])
        assert ended.value.code == 2
        assert "is no range of seeds" in capsys.readouterr().err
