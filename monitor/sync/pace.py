"""How fast one endpoint is asked: a token bucket that learns, a window of requests in flight, a batch size, a latency.

Values and functions on a time handed in (seconds of any clock that does not go back), so that they are tried on virtual
time. The window grows by adding and shrinks by halving (D. Chiu, R. Jain, 1989); the latency estimate with its
deviation is TCP's (RFC 6298).
"""

from __future__ import annotations

import re
from math import exp, inf
from typing import NamedTuple

__all__ = [
    "PAIR",
    "Batch",
    "Bucket",
    "Latency",
    "Window",
    "batch_shrunk",
    "batch_took",
    "batch_within",
    "hedge_after",
    "held",
    "limited",
    "seen",
    "spent",
    "told_rate",
    "wait",
    "window_grown",
    "window_shrunk",
]

PAIR = 2
"""A question and what vouches for it, in one request; a refusal of these for their size means the answer's."""
_BACK_OFF = 0.7
"""What is kept of a rate that was refused."""
_RECOVERY_SECONDS = 15.0
"""Seconds in which a rate that was cut doubles."""
_SLOWEST = 5.0
"""Calls a second down to which a rate is learned; what bears less keeps us away by its refusals' pauses, or says so."""
_MEMORY = 2.0
"""Seconds over which the rates of sending and of refusals are measured."""
_ONCE = 1.0
"""Seconds in which several refusals count as one: they answer requests sent before the first was known."""
_REFUSED_REQUESTS, _REFUSED_SHARE = 2.5, 0.15
"""Refusals within the memory, and their share of what was sent, from which they are no noise."""
_TAKEN_BEFORE_GROWTH = 8
_PER_SECOND = re.compile(
    r"(\d[\d,]{0,8})\s*(?:(?:requests?|calls?|req|rps|reqs|transactions?)\b)?\s*(?:/|per|a|each)\s*(?:1\s*)?s(?:ec(?:ond)?)?\b"
    r"|(?:rps|qps)(?: limit)?(?: of|:| is)?\s*(\d[\d,]{0,8})|(\d[\d,]{0,8})\s*(?:rps|qps)\b"
)


class Bucket(NamedTuple):
    """What an endpoint may be sent: `rate` calls a second (inf: no limit is known), `tokens` saved up at time `at`.

    `top` is the configured limit; `sent` is the recent rate of calls, `requests` and `refused` those of requests,
    `cut_at` is the time of the last cut, `closed` the time until which nothing is sent. What `burst` seconds bring can
    be saved.
    """

    top: float = inf
    rate: float = inf
    tokens: float = 1.0
    at: float = 0.0
    sent: float = 0.0
    cut_at: float = -inf
    requests: float = 0.0
    refused: float = 0.0
    closed: float = -inf
    burst: float = 1.0


def held(bucket: Bucket, now: float) -> Bucket:
    """Bring a bucket to `now`: tokens come in, the rate recovers, the measure of sending fades."""
    passed = max(0.0, now - bucket.at)
    rate = min(bucket.top, bucket.rate * 2 ** min(passed / _RECOVERY_SECONDS, 100))
    tokens = min(max(1.0, rate * bucket.burst), bucket.tokens + passed * rate) if rate < inf else 1.0
    fading = exp(-passed / _MEMORY)
    return bucket._replace(
        rate=rate,
        tokens=tokens,
        at=now,
        sent=bucket.sent * fading,
        requests=bucket.requests * fading,
        refused=bucket.refused * fading,
    )


def wait(bucket: Bucket, now: float) -> float:
    """Seconds until the next request may go."""
    current = held(bucket, now)
    empty = 0.0 if current.tokens >= 1 else (1 - current.tokens) / current.rate
    return max(0.0, bucket.closed - now, empty)


def spent(bucket: Bucket, calls: int, now: float) -> Bucket:
    """Take the calls of one request; one larger than what is saved leaves a debt that the next one waits for."""
    current = held(bucket, now)
    tokens = current.tokens - calls if current.rate < inf else 1.0
    return current._replace(tokens=tokens, sent=current.sent + calls / _MEMORY, requests=current.requests + 1 / _MEMORY)


def limited(bucket: Bucket, now: float, *, pause: float = 0.0, told: float | None = None) -> Bucket:
    """Learn from a refused request: closed for `pause`, and slower, by what was `told` or by what was sent.

    Now and then a refusal is noise and cuts nothing; where a good part of what is sent is refused, it cuts once.
    """
    faded = held(bucket, now)
    refused = faded.refused + 1 / _MEMORY
    current = faded._replace(closed=max(bucket.closed, now + pause), refused=refused)
    few = refused * _MEMORY < _REFUSED_REQUESTS or refused < _REFUSED_SHARE * current.requests
    if (few and told is None) or now - current.cut_at < _ONCE:
        return current
    basis = current.rate if current.rate < inf else max(current.sent, _SLOWEST)
    rate = max(_SLOWEST, min(basis * _BACK_OFF, told or inf, bucket.top))
    return current._replace(rate=rate, tokens=min(current.tokens, 1.0), cut_at=now)


def told_rate(text: str) -> float | None:
    """Read `50/second`, `15 requests per second` or `RPS limit of 25` in a stranger's text; None for neither."""
    found = _PER_SECOND.search(text[:2000].lower())
    if found is None:
        return None
    number = float(next(group for group in found.groups() if group).replace(",", ""))
    return number if number > 0 else None


class Window(NamedTuple):
    """Requests in flight at once: `size` of at most `top`; `cut_at` the time of the last cut."""

    size: float
    top: int
    cut_at: float = -inf


def window_grown(window: Window) -> Window:
    """Widen after a good answer, by one request per window of answers."""
    return window._replace(size=min(float(window.top), window.size + 1 / window.size))


def window_shrunk(window: Window, now: float) -> Window:
    """Halve after a timeout or a refusal for too many requests, once for all that were in flight."""
    if now - window.cut_at < _ONCE:
        return window
    return window._replace(size=max(1.0, window.size / 2), cut_at=now)


class Batch(NamedTuple):
    """Calls in one request: `size` of at most `top`; 1 where it takes no batches. `streak` counts full ones."""

    size: int
    top: int
    streak: int = 0


def batch_took(batch: Batch, calls: int) -> Batch:
    """Widen by an eighth of the most after several full batches were taken."""
    if calls < batch.size or batch.size >= batch.top:
        return batch
    if batch.streak + 1 < _TAKEN_BEFORE_GROWTH:
        return batch._replace(streak=batch.streak + 1)
    return batch._replace(size=min(batch.top, batch.size + max(1, batch.top // 8)), streak=0)


def batch_shrunk(batch: Batch, calls: int) -> Batch:
    """Halve a batch of `calls` that was refused; growth never comes back to `calls`."""
    return Batch(max(1, min(batch.size, calls // 2)), max(1, min(batch.top, calls - 1)))


def batch_within(batch: Batch, rate: float) -> Batch:
    """Keep batches within a second of a rate: some count the calls, and one above their limit is refused for ever.

    A PAIR stays together where it may: behind a load balancer a header vouches for logs in the same request only.
    """
    return batch._replace(size=int(min(batch.size, max(PAIR, rate))), streak=0)


class Latency(NamedTuple):
    """Seconds an endpoint takes: a moving mean and its mean deviation; 0 before the first answer."""

    mean: float = 0.0
    deviation: float = 0.0


def seen(latency: Latency, seconds: float) -> Latency:
    """Take one measurement in."""
    if latency.mean == 0:
        return Latency(seconds, seconds / 2)
    off = seconds - latency.mean
    return Latency(latency.mean + off / 8, latency.deviation + (abs(off) - latency.deviation) / 4)


def hedge_after(latency: Latency) -> float:
    """Seconds after which an answer is late enough to ask a second endpoint: about the 98th percentile."""
    return max(0.05, latency.mean + 4 * latency.deviation) if latency.mean else inf
