from __future__ import annotations

from tests.anvil_fixture import anvil_session, played_world

__all__ = ["anvil_session", "played_world"]
