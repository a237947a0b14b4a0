"""The small chain of the matrix: 1,000 blocks, 20 logs each. Never changed by a test."""

from __future__ import annotations

import pytest

from tests.fakenode.chain import Chain, dense


@pytest.fixture(scope="session")
def thousand() -> Chain:
    return dense(blocks=1000, logs=20)
