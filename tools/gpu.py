"""Everything that needs a CUDA device, in one run; without one it says so and exits with 0.

    python tools/gpu.py [STEP ...]

Without a name all steps run, in this order, even after one has failed:

    tests     the package's tests with its arrays on the device, and device and host side by side
    notebooks every chapter executed on the device; nothing is written
    bench     lstmlab beside PyTorch's cuDNN; writes benchmarks/results/gpu-*.json
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from environment import ROOT, child_environment, command
from execute import as_text, execute, notebooks

STEPS = ("tests", "notebooks", "bench")
ON_DEVICE = {"LSTMLAB_BACKEND": "cupy"}


def trouble() -> str | None:
    """Say why there is no device to work on, or return ``None``."""
    try:
        from lstmlab.backend import _cupy_trouble
    except ImportError as error:
        return f"lstmlab cannot be imported ({error})"
    return _cupy_trouble()


def run_tests() -> bool:
    """Run the package's tests on the device; that mistakes are found is found out on the host."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/lstmlab"]
    command.append("--ignore=tests/lstmlab/test_mutants.py")
    return subprocess.run(command, cwd=ROOT, env=child_environment(**ON_DEVICE), check=False).returncode == 0


def run_notebooks() -> bool:
    """Execute every chapter on the device. Its cells assert what they claim; other digits are only told."""
    os.environ.update(child_environment(**ON_DEVICE))  # the kernels inherit it
    good = True
    for path in notebooks():
        old = path.read_text(encoding="utf8")
        notebook = nbformat.reads(old, as_version=4)
        start = time.perf_counter()
        try:
            execute(notebook, path.parent)
            same = as_text(notebook) == old
            said = "runs, same outputs" if same else "runs, some digit or picture differs"
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            good, said = False, f"FAILED\n{error}"
        seconds = time.perf_counter() - start
        print(f"{seconds:>6.1f} s  {path.relative_to(ROOT)}  {said}", flush=True)
    return good


def run_bench() -> bool:
    """Time lstmlab beside PyTorch; where PyTorch is missing, the benchmark says so and nothing fails."""
    command = [sys.executable, "-m", "benchmarks.gpu"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", nargs="*", help=f"any of: {', '.join(STEPS)}")
    wanted = parser.parse_args(argv).step or list(STEPS)
    if unknown := [name for name in wanted if name not in STEPS]:
        parser.error(f"no step {', '.join(unknown)}; expected any of {', '.join(STEPS)}")
    found = trouble()
    if found is not None:
        print(f"No CUDA device answers here: {found}.")
        print("Nothing was run. What these steps would show on a device is not shown by anything else:")
        print("whether results agree there, whether every chapter runs there, and how fast it is.")
        return 0
    work = {"tests": run_tests, "notebooks": run_notebooks, "bench": run_bench}
    results: dict[str, bool] = {}
    for name in wanted:
        print(f"\n=== {name} {'=' * (94 - len(name))}", flush=True)
        results[name] = work[name]()
    print()
    for name, good in results.items():
        print(f"{name:<10}  {'ok' if good else 'FAILED'}")
    return int(not all(results.values()))


if __name__ == "__main__":
    sys.exit(command(main))
