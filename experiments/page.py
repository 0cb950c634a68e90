"""The page of the book that shows the experiments' last results."""

from __future__ import annotations

from pathlib import Path

from experiments import harness

PAGE = Path(__file__).parents[1] / "book" / "experiments.md"


def text() -> str:
    """Return the page, made from the results that lie in ``experiments/results``."""
    results = [r for name in harness.experiments() if (r := harness.load(name)) is not None]
    machines = sorted({r["machine"]["processor"] for r in results})
    lines = [
        "# Experiments",
        "",
        "Every claim of the course about what a network learns is an experiment with a rule that can fail:",
        "several seeds, a baseline, and a sentence that must hold. They run with one command,",
        "`make experiments`; this page is written by it from what it measured.",
        "",
        "An accuracy is measured on sequences that were never trained on. A median is over the seeds; beside",
        "it stand the worst and the best of them. Baselines are trained with the same budget unless said.",
        "The RNN is the plain network from the same uniform first weights as the LSTM. That is a condition:",
        "with an orthogonal recurrent matrix it solves the task of E3 at lag 20 from most starts, and at",
        "lag 50 from some ({doc}`chapter 8 <part2/08_clipping_and_truncation>` trains one).",
        "",
        harness.table(results),
        "",
        f"Measured on: {'; '.join(machines)}, one BLAS thread a process. Other machines round differently,",
        "and a training run amplifies that: expect the same verdicts, not the same digits.",
        "",
        "## Settings",
        "",
    ]
    for r in results:
        settings = "; ".join(f"{key}: {value}" for key, value in r["settings"].items())
        source = f" Source: {r['source']}." if r["source"] else ""
        lines.append(f"**{r['name']}**, {r['title']}. {settings}.{source}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(text(), encoding="utf8")
