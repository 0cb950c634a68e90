"""Settings that must stand before NumPy and Matplotlib are imported."""

import os
from typing import Any

import pytest

# Two test processes on two cores: a thread pool in each would make both slower, and sums over threads
# differ in the last digit.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("LSTMLAB_BACKEND", "numpy")

if os.environ["LSTMLAB_BACKEND"] == "strict":
    from quick_strict import quicken

    quicken()


@pytest.hookimpl(optionalhook=True)  # pytest runs without xdist as well
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a process take whole files: what the tests of one share is then made once.

    The chapters on the strict library are long and share nothing: each goes to the process that is free.
    (A mark cannot say so: pytest 9.2 pays no heed to the group that xdist 3.8 writes into a name.)
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if "/test_strict.py::" in nodeid else nodeid.partition("::")[0]

    return WholeFiles(config, log)


# Scripts that make the frozen files: they need the other implementation itself.
collect_ignore = ["frozen"]
