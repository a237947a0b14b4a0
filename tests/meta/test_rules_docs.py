"""docs/rules.md is made from the rules: `PYTHONPATH=. python tests/meta/test_rules_docs.py > docs/rules.md`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from monitor.rules.confidence import MIN_REVIEWED
from monitor.rules.leads import STALE_DAYS
from monitor.rules.registry import all_rules
from monitor.rules.rule import Rule
from monitor.rules.score import _H100E_STEPS, _USD_STEPS, FAMILY_CAP, MIN_FAMILIES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rules.md"
NUMBERS = {2: "two", 3: "three", 4: "four"}
INTRODUCTION = f"""\
# Rules

<!-- made from monitor/rules by tests/meta/test_rules_docs.py; change the rules, then make this page again -->

A rule looks for one published pattern and gives findings: the numbers, the line they crossed, the log positions that
prove it, and the common lawful explanations. Findings on one cluster of tenant wallets make a **lead** when at least
{NUMBERS[MIN_FAMILIES]} core families of evidence speak: no single indicator decides. A lead is for human review; it
does not state that a law was broken.

- **Score**: each rule up to its own maximum, each family up to {FAMILY_CAP} points, multipliers last. A `context` rule
  adds points to a lead but never makes a family; a `multiplier` scales a lead and never makes one; `off` runs only when
  asked to.
- **Common signs**: most good customers show some: a new wallet (T03), months of renewals (T07), a discount (T19), a
  sponsor that pays for tenants nothing ties together (T05), resale in the open (T09). They add points and complete a
  lead beside something telling; alone, however many, they make none.
- **Screening item**: a wallet that itself stands on a list opens one by itself. It is no lead about a pattern.
- **Who is judged**: a cluster of wallets. Rules that ask what wallets do together also look at a **hand**: wallets
  whose first value, or first tokens, came from one wallet that is no hub, itself or over up to three wallets used once,
  and that wallet; what a hand did is told of each cluster that took part.
- **Severity**: medium, high, critical from {", ".join(f"{step:,}" for step in _H100E_STEPS)} H100-equivalents held at
  once, or from {", ".join(f"{step:,}" for step in _USD_STEPS)} dollars paid into escrow, whichever is worse. T07 raises
  it for very long holding.
- **Confidence**: `uncalibrated` until {MIN_REVIEWED} leads of a pattern were reviewed; then the share that reviewers
  escalated, for the pattern with the highest. A dismissed lead counts as explained.
- **History**: a lead opens, grows when a pattern joins, goes stale {STALE_DAYS} days after its newest evidence when
  nothing is held any more, and is withdrawn when its evidence goes or moves into another lead.

`[rules.<id>]` in `config.toml` moves a parameter within its bounds, or switches a rule off with `enabled = false`.
`monitor rules list` shows the values in force, `monitor rules test` tries them on your ledger and says where a rule
cannot look, `monitor backtest --rules draft.toml` holds a draft beside them. What no rule can see stands in
[blind-spots.md](blind-spots.md).

| rule | pattern | family | role | most points |
|---|---|---|---|---|
"""


def section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.id} {rule.title}\n"
    yield f"{rule.pattern}\n"
    yield f"Version {rule.version}, family {rule.family}, role {rule.role}, at most {rule.max_points} points.\n"
    yield "| parameter | default | unit | bounds | meaning |\n|---|---|---|---|---|"
    for item in rule.parameters:
        bounds = f"{item.low:,} to {item.high:,}"
        yield f"| `{item.name}` | {item.default:,} | {item.unit} | {bounds} | {item.meaning} |"
    yield f"\nReads: {'; '.join(rule.inputs)}."
    yield "\nCommon lawful explanations:\n"
    yield from (f"- {text}" for text in rule.lawful)
    yield "\nBlind spots:\n"
    yield from (f"- {text}" for text in rule.blind_spots)
    yield f"\nGuidance: {rule.guidance}.\n"


def page() -> str:
    rows = [
        f"| [{rule.id}](#{anchor(rule)}) | {rule.title} | {rule.family} | {rule.role} | {rule.max_points} |"
        for rule in all_rules()
    ]
    return INTRODUCTION + "\n".join([*rows, "", *(line for rule in all_rules() for line in section(rule))])


def anchor(rule: Rule) -> str:
    kept = "".join(char for char in f"{rule.id} {rule.title}".lower() if char.isalnum() or char in " -")
    return kept.replace(" ", "-")


def test_the_page_is_what_the_rules_say():
    assert DOCUMENT.read_text(encoding="utf-8") == page(), (
        "run: PYTHONPATH=. python tests/meta/test_rules_docs.py > docs/rules.md"
    )


def test_every_parameter_is_on_it_with_its_default():
    text = DOCUMENT.read_text(encoding="utf-8")
    for rule in all_rules():
        part = text.split(f"## {rule.id} ", 1)[1].split("\n## ", 1)[0]
        for item in rule.parameters:
            assert f"| `{item.name}` | {item.default:,} | {item.unit} |" in part
        assert all(f"- {line}" in part for line in (*rule.lawful, *rule.blind_spots))


if __name__ == "__main__":
    sys.stdout.write(page())
