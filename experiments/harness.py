"""What an experiment is, how it is run, and how its result is kept."""

from __future__ import annotations

import importlib
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import lstmlab as ll

HERE = Path(__file__).parent
RESULTS = HERE / "results"

#: What one run with one seed measured: name to number.
Measurements = dict[str, float]


@dataclass(frozen=True)
class Rule:
    """One sentence that the measurements must satisfy.

    Attributes
    ----------
    text
        The sentence, as the table shows it.
    holds
        Function of all seeds' measurements, ``{"accuracy": [..., ...]}``, in the order of the seeds.
    """

    text: str
    holds: Callable[[Mapping[str, list[float]]], bool]


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes
    ----------
    name
        Short identifier, ``E2``.
    title
        What is asked.
    run
        Function of a seed; returns what was measured, the baselines' numbers among it.
    rules
        What must hold for the claim to stand.
    seeds
        The seeds it is run with.
    settings
        What a reader needs to repeat it.
    source
        Where the task comes from.
    """

    name: str
    title: str
    run: Callable[[int], Measurements]
    rules: Sequence[Rule]
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@cache
def experiments() -> dict[str, Experiment]:
    """Collect the experiments of every module ``e*.py``, in the order of their numbers.

    Once in a process: a file that comes while the runs go on does not concern them.
    """
    found: dict[str, Experiment] = {}
    for path in sorted(HERE.glob("e*.py")):
        module = importlib.import_module(f"experiments.{path.stem}")
        for experiment in module.EXPERIMENTS:
            if experiment.name in found:
                raise ValueError(f"{path.name}: expected a new name, got {experiment.name} again")
            found[experiment.name] = experiment
    return dict(sorted(found.items(), key=lambda item: order(item[0])))


def order(name: str) -> tuple[int, str]:
    """Sort E2 before E2b and both before E10."""
    digits = "".join(c for c in name if c.isdigit())
    return int(digits or 0), name


def perform(name: str, seed: int) -> tuple[str, int, Measurements, float]:
    """Run one experiment with one seed; return what was measured and the seconds it took."""
    start = time.perf_counter()
    measured = {key: float(value) for key, value in experiments()[name].run(seed).items()}
    return name, seed, measured, time.perf_counter() - start


def judge(experiment: Experiment, measured: Mapping[str, list[float]]) -> dict[str, bool]:
    """Return for each rule's text whether it holds."""
    return {rule.text: bool(rule.holds(measured)) for rule in experiment.rules}


def record(
    experiment: Experiment, by_seed: Mapping[int, Measurements], seconds: Sequence[float]
) -> dict[str, Any]:
    """Return everything worth keeping of one experiment's runs."""
    seeds = sorted(by_seed)
    measured = {key: [by_seed[seed][key] for seed in seeds] for key in by_seed[seeds[0]]}
    return {
        "name": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "settings": dict(experiment.settings),
        "seeds": seeds,
        "measured": measured,
        "median": {key: statistics.median(values) for key, values in measured.items()},
        "rules": judge(experiment, measured),
        "machine": {
            "seconds a seed": round(statistics.median(seconds), 1),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "lstmlab": ll.__version__,
            "processor": processor(),
        },
    }


def processor() -> str:
    """Name this machine's processor as the system does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def save(result: Mapping[str, Any]) -> None:
    """Write one experiment's result where the table reads it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (RESULTS / f"{result['name']}.json").write_text(text + "\n", encoding="utf8")


def load(name: str) -> dict[str, Any] | None:
    """Read the last result, or ``None`` if there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf8")) if path.is_file() else None


def number(value: float) -> str:
    """Show a measured number with three figures."""
    if not np.isfinite(value):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.4g}"


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of all results in Markdown: what was asked, found, and whether the rules hold."""
    lines = [
        "| | experiment | median (smallest to largest) | seeds | rule | holds |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        found = "<br>".join(
            f"{key}: {number(result['median'][key])} ({number(min(v))} to {number(max(v))})"
            for key, v in result["measured"].items()
        )
        rules = "<br>".join(result["rules"])
        holds = "<br>".join("yes" if ok else "**no**" for ok in result["rules"].values())
        lines.append(
            f"| {result['name']} | {result['title']} | {found} | {len(result['seeds'])} | {rules} | {holds} |"
        )
    return "\n".join(lines)


def say(*words: Any) -> None:
    """Print at once: a run takes minutes."""
    print(*words, file=sys.stdout, flush=True)
