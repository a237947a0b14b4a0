"""What was read before it was final: kept until it is, to be asked for once more in long stretches."""

from __future__ import annotations

from collections import defaultdict

import polars as pl

from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, FragmentKind
from monitor.sync.plan import Job

__all__ = ["Young"]

_STRETCH = 32
"""Blocks that become final before any is asked for again: a few questions for so many blocks are next to nothing."""
_MOST = 10_000
"""Answers that are kept at most; where finality stands still for long, the oldest are not asked for again."""


class Young:
    """Logs of blocks that can still change, as they were read at the head."""

    def __init__(self) -> None:
        self._read: list[tuple[Job, pl.DataFrame]] = []
        self._none = pl.DataFrame(schema=LOG_ROWS)

    def add(self, job: Job, logs: pl.DataFrame) -> None:
        """Keep the logs (LOG_ROWS) of a job."""
        # most blocks have none, and a frame without rows takes kilobytes
        self._read.append((job, logs if logs.height else self._none))
        del self._read[:-_MOST]

    def cut(self, upto: int) -> None:
        """Forget what stands above a block."""
        self._read = [
            (job, logs) if job.span.last <= upto else _upto(job, logs, upto)
            for job, logs in self._read
            if job.span.start <= upto
        ]

    def settled(self, final: int) -> list[tuple[Job, pl.DataFrame]]:
        """Take out what is final by now, joined to one job for each stretch; nothing before it is so for a while."""
        done = [(job, logs) for job, logs in self._read if job.span.last <= final]
        if final + 1 - min((job.span.start for job, _ in done), default=final) < _STRETCH:
            return []
        self._read = [(job, logs) for job, logs in self._read if job.span.last > final]
        alike: defaultdict[tuple[FragmentKind, tuple[Fragment, ...]], list[tuple[Job, pl.DataFrame]]] = defaultdict(
            list
        )
        for job, logs in done:
            alike[job.kind, job.fragments].append((job, logs))
        found = []
        for (kind, fragments), items in alike.items():
            logs = pl.concat([logs for _, logs in sorted(items, key=lambda item: item[0].span)])
            for span in Spans(job.span for job, _ in items):
                within = logs.filter(pl.col("block_number").is_between(span.start, span.last))
                found.append((Job(kind, fragments, span, final=True), within))
        return found


def _upto(job: Job, logs: pl.DataFrame, block: int) -> tuple[Job, pl.DataFrame]:
    return job._replace(span=Span(job.span.start, block + 1)), logs.filter(pl.col("block_number") <= block)
