"""How hypothesis runs: the same examples every time in `make test`, new and more ones in `make test-all`."""

import os
import sys

from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code under test: no deadlines, no complaint about slow generation.
CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("steady", derandomize=True, print_blob=True, **CALM)  # type: ignore[arg-type]
settings.register_profile("wide", max_examples=500, print_blob=True, **CALM)  # type: ignore[arg-type]
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_runtest_setup() -> None:
    """Give each test Python's own recursion limit.

    Whoever loads web3 finds it raised a hundredfold (by py_ecc), reading answers lowers it again, and hypothesis takes
    a limit that moves under a test for a fault.
    """
    sys.setrecursionlimit(min(sys.getrecursionlimit(), 1_000))
