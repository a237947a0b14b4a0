from __future__ import annotations

import pytest

from tests.alerts.samples import OLD_SECRET, SECRET, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("OLD_WEBHOOK_SECRET", OLD_SECRET)
