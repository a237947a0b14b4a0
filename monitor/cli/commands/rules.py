"""`monitor rules`: what is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.context import format_option, load_config
from monitor.cli.listing import at_option, show

if TYPE_CHECKING:
    from monitor.rules.rule import Rule
    from monitor.views.output import Format

_LIST = ("rule", "version", "title", "family", "role", "max_points", "parameters")
_TRIED = ("rule", "role", "findings", "clusters", "not_assessable")
_FOUND = ("rule", "subject", "cluster_id", "points", "summary", "finding_id")


@click.group("rules")
def command() -> None:
    """List, show and try the rules."""


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
    """Show one rule whole.

    Its pattern, parameters, lawful explanations, guidance and blind spots.
    """
    rule = _find(rule_id)
    click.echo(f"{rule.id} version {rule.version}: {rule.title}")
    click.echo(f"family {rule.family}, role {rule.role}, at most {rule.max_points} points\n\n{rule.pattern}\n")
    click.echo("parameters ([rules." + rule.id + "] in config.toml):")
    for item in rule.parameters:
        click.echo(f"  {item.name} = {item.default} {item.unit} ({item.low} to {item.high}): {item.meaning}")
    for title, lines in (("common lawful explanations", rule.lawful), ("blind spots", rule.blind_spots)):
        click.echo(f"{title}:")
        for line in lines:
            click.echo(f"  - {line}")
    click.echo(f"reads: {'; '.join(rule.inputs)}")
    click.echo(f"guidance: {rule.guidance}")


@command.command("test")
@click.argument("rule_id", metavar="[RULE]", required=False)
@click.option("--set", "changes", metavar="NAME=VALUE", multiple=True, help="Try another parameter of RULE.")
@at_option
@format_option()
def try_rules(rule_id: str | None, changes: tuple[str, ...], at: str | None, fmt: Format) -> None:
    """Run the rules on the ledger, or only RULE.

    Says what they find and where they cannot look; with RULE its findings are listed. Reads only; nothing is kept.
    """
    from monitor.ledger.reader import Reader
    from monitor.rules.registry import all_rules
    from monitor.views.bundle import load_bundle, open_path
    from monitor.views.ruletest import changed, run_rules

    one = None if rule_id is None else _find(rule_id)
    config = load_config().config
    overrides = changed(config.rules, one.id if one else None, changes)
    bundle = load_bundle(config)
    with Reader(open_path(config)) as reader:
        tried = run_rules(reader, bundle, config, all_rules() if one is None else (one,), overrides, at)
    if one is None:
        rows = [
            {
                "rule": rule.id,
                "role": rule.role,
                "findings": len(outcome.findings),
                "clusters": len({finding.cluster_id for finding in outcome.findings}),
                "not_assessable": len(outcome.not_assessable),
            }
            for rule, outcome in tried
        ]
        show(rows, fmt, columns=_TRIED)
    else:
        found = [finding for _, outcome in tried for finding in outcome.findings]
        show([{name: getattr(finding, name) for name in _FOUND} for finding in found], fmt, columns=_FOUND)
    for _, outcome in tried:
        for line in outcome.not_assessable:
            click.echo(line, err=True)


def _find(rule_id: str) -> Rule:
    from monitor.errors import InputError
    from monitor.rules.registry import all_rules

    rules = {rule.id: rule for rule in all_rules()}
    if rule_id.upper() not in rules:
        message = f"there is no rule {rule_id!r}"
        raise InputError(message, hint=f"known: {', '.join(rules)}")
    return rules[rule_id.upper()]
