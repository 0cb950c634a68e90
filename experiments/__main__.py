"""Run experiments and write their results and the page that shows them."""

from __future__ import annotations

import argparse
import os
import sys

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy is imported: threads on small products only cost
os.environ.setdefault("LSTMLAB_BACKEND", "numpy")

from concurrent.futures import ProcessPoolExecutor, as_completed  # noqa: E402

from experiments import harness, page  # noqa: E402


def main() -> int:
    available = harness.experiments()
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"any of: {', '.join(available)}; none means all")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--page", action="store_true", help="only write the page from the last results")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.name if name not in available]:
        parser.error(f"no experiment {', '.join(unknown)}; expected any of {', '.join(available)}")
    if not arguments.page:
        run([available[name] for name in arguments.name or available], arguments.processes)
    page.write()
    results = [harness.load(name) for name in available]
    failed = [r["name"] for r in results if r is not None and not all(r["rules"].values())]
    missing = [name for name, r in zip(available, results, strict=True) if r is None]
    harness.say(f"{len(available) - len(failed) - len(missing)} of {len(available)} hold")
    for word, names in (("fail", failed), ("were never run", missing)):
        if names:
            harness.say(f"{word}: {', '.join(names)}")
    return int(bool(failed or missing))


def run(chosen: list[harness.Experiment], processes: int) -> None:
    """Run every seed of every chosen experiment; save each experiment when its last seed is done."""
    by_name = {e.name: e for e in chosen}
    done: dict[str, dict[int, harness.Measurements]] = {e.name: {} for e in chosen}
    seconds: dict[str, list[float]] = {e.name: [] for e in chosen}
    with ProcessPoolExecutor(processes) as pool:
        runs = [pool.submit(harness.perform, e.name, seed) for e in chosen for seed in e.seeds]
        for finished in as_completed(runs):
            name, seed, measured, took = finished.result()
            done[name][seed] = measured
            seconds[name].append(took)
            shown = ", ".join(f"{key} {harness.number(value)}" for key, value in measured.items())
            harness.say(f"{name} seed {seed} ({took:.0f} s): {shown}")
            if len(done[name]) == len(by_name[name].seeds):
                result = harness.record(by_name[name], done[name], seconds[name])
                harness.save(result)
                for rule, holds in result["rules"].items():
                    harness.say(f"{name}: {'holds' if holds else 'FAILS'}: {rule}")


if __name__ == "__main__":
    sys.exit(main())
