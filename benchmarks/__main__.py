"""Time lstmlab beside other implementations: make bench, or python -m benchmarks [--rounds 9] [--only torch].

Each peer that can be imported is timed in a process of its own, with one thread and with two, under the
BLAS kernels that NumPy chooses and, on a processor with AVX-512, under both kinds. The result is one file
a machine in benchmarks/results/, from which the report is made. Of an earlier file of the same machine and
versions, what is not run again is kept.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstmlab.config import processor_widths, usable_cores

from .memory import memory_table
from .peers import SETS
from .report import write_report

HERE = Path(__file__).parent


def machine() -> str:
    """Return the processor's name and the number of processors this process may use."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf8")
        match = re.search(r"^model name\s*: (.+)$", text, re.M)
        name = match[1].strip() if match else platform.processor()
    except OSError:
        name = platform.processor()
    return f"{name or platform.machine()}, {usable_cores()} processors"


def settings(threads: Sequence[int]) -> list[tuple[int, str]]:
    """Return the pairs of threads and BLAS kernels to be tried; an empty name is NumPy's own choice."""
    wide = any(name.startswith(("avx512", "x86_v4")) for name in processor_widths())
    kernels = ["", "Haswell", "SkylakeX"] if wide else [""]
    return [(count, kernel) for count in threads if count <= usable_cores() for kernel in kernels]


def work(peer: str, rounds: int, threads: int, kernels: str) -> dict[str, Any] | None:
    """Run the worker; ``None`` if it failed, and its words on the screen."""
    environment = os.environ | {
        name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    environment |= {"LSTMLAB_BACKEND": "numpy", "OPENBLAS_CORETYPE": kernels}
    environment |= {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"}
    if not kernels:
        del environment["OPENBLAS_CORETYPE"]
    command = [sys.executable, "-m", "benchmarks.worker", peer, str(rounds)]
    done = subprocess.run(
        command, cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        print(f"{peer}: failed ({done.returncode}); left out")
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"asked": kernels} | result


def together(
    before: dict[str, Any], here: dict[str, str], runs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the new runs, and of those stored what was not run again, if the machine is the same."""

    def setting(run: dict[str, Any]) -> tuple[int, str, str]:
        return run["threads"], run["blas"][0][1] if run["blas"] else "", run["peer"]

    if any(before.get(name) != value for name, value in here.items()):
        return runs
    again = {setting(run) for run in runs}
    kept = [run for run in before["runs"] if setting(run) not in again]
    return sorted([*runs, *kept], key=lambda run: run["threads"])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often everybody takes a turn")
    parser.add_argument(
        "--only", nargs="*", help=f"peers: {', '.join(SETS)}; without it all that are installed"
    )
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2], help="how many BLAS threads")
    parser.add_argument("--report", action="store_true", help="time nothing, make the report anew")
    options = parser.parse_args(argv)
    if options.report:
        write_report()
        return 0
    wanted = options.only if options.only is not None else list(SETS)
    installed = [name for name in wanted if name in SETS and importlib.util.find_spec(name)]
    print(f"{machine()}; beside lstmlab: {', '.join(installed) or 'nobody (see benchmarks/README.md)'}")
    runs: list[dict[str, Any]] = []
    for threads, kernels in settings(options.threads):
        own = {run["blas"][0][1] for run in runs if not run["asked"] and run["blas"]}
        if kernels in own:
            continue  # NumPy chose them by itself, and they have had their turn
        for peer in installed or ["none"]:
            word = "thread" if threads == 1 else "threads"
            print(f"{threads} {word}, {kernels or 'own'} kernels, {peer} ...", flush=True)
            if (result := work(peer, options.rounds, threads, kernels)) is not None:
                runs.append(result)
    name = re.sub(r"[^a-z0-9]+", "-", machine().lower()).strip("-")
    file = HERE / "results" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    here = {
        "machine": machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
    }
    before = json.loads(file.read_text(encoding="utf8")) if file.exists() else {}
    found = here | {"runs": together(before, here, runs), "memory": memory_table()}
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf8")
    print(f"written: {file.relative_to(HERE.parent)}")
    write_report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
