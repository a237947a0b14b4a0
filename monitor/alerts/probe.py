"""Send one test message to a sink, outside the outbox: `monitor alerts test`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from monitor.alerts.post import Outcome, Post
from monitor.alerts.post import post as _post
from monitor.config.spec import SinkConfig
from monitor.model.lead import stable_id

__all__ = ["send_test"]


async def send_test(
    sink_name: str, sink: SinkConfig, *, clock: Callable[[], float] = time.time, post: Post = _post
) -> Outcome:
    """Send a signed message of type `monitor.test`, which speaks of no lead, and say what came of it."""
    now = clock()
    body = msgspec.json.encode(
        {
            "type": "monitor.test",
            "timestamp": datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": {"sink": sink_name, "message": "This is a test. It speaks of no lead."},
        },
        order="sorted",
    )
    return await post(sink, stable_id("alert", "test", sink_name, repr(now)), body, int(now))
