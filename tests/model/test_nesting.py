"""Deep JSON is refused before any parser sees it, at any recursion limit of the process."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.nesting import too_deep

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab "\\é:,'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="xy"), inner, max_size=4),
    max_leaves=40,
)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 5_000,
        "[{" * 300 + "}]" * 300,
        # Brackets that close in strings only.
        '["]",' * 5_000,
        '{"}":' * 5_000,
        '["\\"]",' * 5_000,
        '["\\\\",["]",' * 5_000,
    ],
)
def test_deep_text_is_refused(text):
    assert too_deep(text)
    assert too_deep(text.encode())


def test_wide_text_is_not_deep():
    logs = [{"topics": ["0x" + "11" * 32] * 4, "data": "0x", "address": "0x"}] * 20_000
    assert not too_deep(json.dumps(logs))
    assert not too_deep("[" * 200 + "]" * 200)


@given(VALUES)
def test_ordinary_json_passes(value):
    assert not too_deep(json.dumps(value))


def test_brackets_in_strings_are_no_levels():
    assert not too_deep(json.dumps(["[" * 1_000, {"{[": "]" * 500 + "[" * 900 + '\\"[[['}]))
    assert not too_deep('["' + "[" * 1_000 + '"]')


@given(VALUES, st.integers(1, 40))
def test_depth_is_told_exactly(value, limit):
    def depth(item):
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    assert too_deep(json.dumps([value] * 50), limit) == (1 + depth(value) > limit)


@given(VALUES)
def test_nothing_below_the_surface_of_a_deep_text_saves_it(value):
    assert too_deep("[" * 201 + json.dumps(value) + "]" * 201)


PROBE = """
import sys
sys.setrecursionlimit(100_000)
from monitor.markets.spheron import json_of, parse_spec
from monitor.markets.logfile import decode_file
from monitor.chain.http import envelopes
from monitor.errors import InputError
deep = "[" * 60_000 + "]" * 60_000
for sly in ('["]",' * 60_000, '{"}":' * 60_000):
    assert json_of(sly) is None
    assert envelopes(b'{"jsonrpc":"2.0","id":1,"result":' + sly.encode()) is None
assert json_of(deep) is None and parse_spec(deep) is None
answered = envelopes(b'{"jsonrpc":"2.0","id":1,"result":' + deep.encode() + b"}")
# Python 3.14 guards the C stack by its size: what fits it is read, and stays a raw result until somebody decodes it.
assert answered is None or sys.version_info >= (3, 14)
endless = "[" * 5_000_000 + "]" * 5_000_000
assert envelopes(b'{"jsonrpc":"2.0","id":1,"result":' + endless.encode() + b"}") is None
try:
    decode_file(deep.encode() * 100, {}, ())
except InputError:
    print("refused")
"""


def test_a_high_recursion_limit_does_not_end_the_process():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr[-500:]
