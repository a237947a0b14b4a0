"""`monitor rules`: what is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option, load_config
from monitor.cli.listing import show

if TYPE_CHECKING:
    from monitor.views.output import Format

_LIST = ("rule", "version", "title", "family", "role", "max_points", "parameters")


@click.group("rules")
def command() -> None:
    """List and show the rules."""


@command.command("list")
@format_option()
def list_all(fmt: Format) -> None:
    """List rules with the parameters in force."""
    from monitor.rules.registry import all_rules
    from monitor.rules.rule import settle

    config = load_config().config
    rows = []
    for rule in all_rules():
        params, _ = settle(rule, config.rules.get(rule.id, {}))
        rows.append(
            {
                "rule": rule.id,
                "version": rule.version,
                "title": rule.title,
                "family": rule.family,
                "role": rule.role,
                "max_points": rule.max_points,
                "parameters": tuple(f"{name}={value}" for name, value in params.items()),
            }
        )
    show(rows, fmt, columns=_LIST)


@command.command("show")
@click.argument("rule_id")
def show_one(rule_id: str) -> None:
    """Show one rule whole: pattern, parameters, lawful explanations, guidance, blind spots."""
    from monitor.errors import InputError
    from monitor.rules.registry import all_rules

    rules = {rule.id: rule for rule in all_rules()}
    if rule_id not in rules:
        message = f"there is no rule {rule_id!r}"
        raise InputError(message, hint=f"known: {', '.join(rules)}")
    rule = rules[rule_id]
    click.echo(f"{rule.id} version {rule.version}: {rule.title}")
    click.echo(f"family {rule.family}, role {rule.role}, at most {rule.max_points} points\n\n{rule.pattern}\n")
    click.echo("parameters ([rules." + rule.id + "] in config.toml):")
    for item in rule.parameters:
        click.echo(f"  {item.name} = {item.default} {item.unit} ({item.low} to {item.high}): {item.meaning}")
    for title, lines in (("common lawful explanations", rule.lawful), ("blind spots", rule.blind_spots)):
        click.echo(f"{title}:")
        for line in lines:
            click.echo(f"  - {line}")
    click.echo(f"guidance: {rule.guidance}")
