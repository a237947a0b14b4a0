"""The example of docs/hardware.md is what the command prints."""

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from monitor.cli.main import cli

PAGE = (Path(__file__).parents[2] / "docs" / "hardware.md").read_text("utf-8")


def test_the_example_is_what_the_command_prints():
    shown = re.search(r"```\n\$ monitor (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    assert CliRunner().invoke(cli, shlex.split(shown[1])).output == shown[2]
