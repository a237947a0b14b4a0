"""A new head grows, forks or asks for its parent."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import DeepReorg
from monitor.model.chain import BlockRef, Change, Extended, Header, Reverted
from monitor.sync.fork import Need, decide, is_linked, last_common


def name(branch: str, number: int) -> bytes:
    return f"{branch}{number}".encode().ljust(32, b".")


def chain(start: int, stop: int, branch: str = "a", fork: int = 0, parent: str = "a") -> list[Header]:
    """Make headers `start` to `stop`; from block `fork` on they are called after `branch`."""

    def called(number: int) -> bytes:
        return name(branch if number >= fork else parent, number)

    return [Header(number, called(number), called(number - 1), 1000 + number) for number in range(start, stop)]


def walk(known: Sequence[Header], canonical: Sequence[Header], finalized: int) -> tuple[Change, ...]:
    """Ask as the shell does: start with the head, fetch each parent that is needed."""
    branch = [canonical[-1]]
    while True:
        verdict = decide(1, known, branch, finalized)
        if not isinstance(verdict, Need):
            return verdict
        found = next(item for item in canonical if item.number == verdict.number)
        assert found.hash == verdict.hash
        branch.insert(0, found)


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 40))
def test_after_the_changes_the_known_chain_is_the_canonical_one(fork, ours, theirs):
    known = chain(0, fork + ours)
    canonical = chain(0, fork + theirs, "b", fork=fork) if fork + theirs else chain(0, 1)
    if fork == 0 and theirs:
        with pytest.raises(DeepReorg):
            walk(known, canonical, 0)
        return
    state = list(known)
    for change in walk(known, canonical, 0):
        if isinstance(change, Reverted):
            assert state[change.to.number].hash == change.to.hash
            state = state[: change.to.number + 1]
        else:
            assert isinstance(change, Extended)
            state += change.headers
        assert is_linked(state)
    # A head that is one of ours says nothing against the newer blocks.
    assert state == (canonical if theirs else known)


def test_growth_by_one():
    assert decide(1, chain(0, 5), chain(5, 6), 0) == (Extended(1, tuple(chain(5, 6))),)


def test_same_head():
    assert decide(1, chain(0, 5), chain(4, 5), 0) == ()


def test_first_look():
    assert decide(1, (), chain(7, 9), -1) == (Extended(1, tuple(chain(7, 9))),)


def test_fork_of_one():
    new = chain(4, 5, "b", fork=4)
    assert decide(1, chain(0, 5), new, 0) == (Reverted(1, BlockRef(3, name("a", 3))), Extended(1, tuple(new)))


def test_below_finality():
    with pytest.raises(DeepReorg):
        walk(chain(0, 10), chain(0, 10, "b", fork=3), 5)


def test_last_common():
    known = chain(5, 10)
    theirs = {header.number: header for header in chain(0, 30, "b", fork=8)}
    assert last_common(1, known, theirs, 5).number == 7
    with pytest.raises(DeepReorg):
        last_common(1, known, {header.number: header for header in chain(0, 30, "b", fork=5)}, 5)
    with pytest.raises(DeepReorg):
        last_common(1, known, theirs, 8)
