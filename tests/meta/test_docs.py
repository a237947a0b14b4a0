"""The documents say what the program does: command list, exit codes, links."""

import re
from pathlib import Path

import click
from click.testing import CliRunner

from monitor.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands_of_help() -> str:
    text = CliRunner().invoke(cli, ["--help"]).output
    return text.split("Commands:\n")[1].split("\n\n")[0]


def test_readme_lists_the_commands_as_help_does():
    shown = re.search(r"<!-- commands:.*?-->\n```\n(.*?)\n```", README, re.DOTALL)
    assert shown is not None
    assert shown[1].rstrip() == commands_of_help().rstrip()


def test_exit_codes_are_the_same_everywhere():
    codes = "0 ok 1 failed 2 usage or config 3 chain unreachable 4 leads at or above --fail-on"
    flat = re.sub(r"[\s,`]+", " ", CliRunner().invoke(cli, ["--help"]).output)
    assert codes in flat
    assert codes in re.sub(r"[\s,`]+", " ", README)


def test_every_command_loads_and_explains_itself():
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.get_short_help_str(200)


def test_links_of_the_documents_lead_somewhere():
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_files_that_documents_name_exist():
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        named = re.findall(
            r"`((?:abis|bench|contracts|monitor|tests)/[\w/.]+\.\w+)`", document.read_text(encoding="utf-8")
        )
        assert [name for name in named if not (ROOT / name).exists()] == [], document.name


def test_the_plan_of_the_house_has_every_room_and_where_to_begin_in_it():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(monitor/\w+)` \|.*\|(.*)\|$", text, re.MULTILINE))
    assert set(rows) == {f"monitor/{path.parent.name}" for path in (ROOT / "monitor").glob("*/__init__.py")}
    for room, begin in rows.items():
        assert [name for name in re.findall(r"`([\w./]+)`", begin) if not (ROOT / room / name).exists()] == [], room
