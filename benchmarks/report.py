"""From the results: tables for benchmarks/README.md, results/ratios.svg, and the figures the book reads."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .sizes import Size

HERE = Path(__file__).parent
FRONT = HERE.parent / "README.md"
BOOK = HERE.parent / "book" / "models" / "benchmarks.json"
BEGIN, END = "<!-- made by python -m benchmarks -->\n", "<!-- end -->\n"
OURS = ("six equations", "whole products", "floor")
NAMES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "jax": "JAX jit"}


def ratio(row: dict[str, list[float]], ours: str, theirs: str) -> float | None:
    """Return the median over rounds of one time divided by another of the same round."""
    if ours not in row or theirs not in row:
        return None
    return statistics.median(a / b for a, b in zip(row[ours], row[theirs], strict=True))


def spread(values: list[float]) -> float:
    """Return half of the distance between the quartiles, by the median; of the ends if they are few."""
    low, high = min(values), max(values)
    if len(values) >= 4:
        low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / statistics.median(values)


def results() -> list[dict[str, Any]]:
    """Return what is stored of processors, one entry a machine; what devices measured is in gpu.py."""
    files = [path for path in sorted((HERE / "results").glob("*.json")) if not path.match("gpu-*")]
    return [json.loads(path.read_text(encoding="utf8")) for path in files]


def by_setting(found: dict[str, Any]) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """Return the runs of one machine by threads and by the BLAS kernels that really ran."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for run in found["runs"]:
        kernels = run["blas"][0][1] if run["blas"] else ""
        if any(r["peer"] == run["peer"] for r in groups.get((run["threads"], kernels), [])):
            continue  # NumPy's own choice, asked for by name once more
        groups.setdefault((run["threads"], kernels), []).append(run)
    return groups


def peak(runs: list[dict[str, Any]]) -> float:
    """Return the rate of a large product under one setting: the best of all rounds, whoever was the peer.

    Other programs can only make it look slower, and then a share of it would be above 1.
    """
    return float(max(run["peak"] for run in runs))


def cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def line(cells: Iterable[str]) -> str:
    """Return a row of a table."""
    return "| " + " | ".join(cells) + " |"


def heading(cells: Sequence[str]) -> list[str]:
    """Return the two lines at the top of a table."""
    return [line(cells), "|" + "---|" * len(cells)]


def percent(value: float) -> str:
    return f"±{100 * value:.0f} %"


def ratios(runs: list[dict[str, Any]], kind: str) -> list[dict[str, float | None]]:
    """Return our time divided by everybody else's, one row a size; share of the peak first, spread last."""
    others = [
        run["peer"]
        for run in runs
        if run["peer"] in NAMES and any(run["peer"] in z[kind] for z in run["sizes"])
    ]
    ours = [name for name in OURS if name in runs[0]["sizes"][0][kind]]
    columns = [*ours, *others]
    rows = []
    for k, first in enumerate(runs[0]["sizes"]):
        size = Size(*first["size"])
        work = size.forward_flops if kind == "forward" else size.training_flops
        mine = statistics.median(first[kind]["lstmlab"])
        row: dict[str, float | None] = {"of the peak": work / mine / peak(runs)}
        for name in columns:
            run = next((r for r in runs if r["peer"] == name), runs[0])
            row[name] = ratio(run["sizes"][k][kind], "lstmlab", name)
        rows.append(row | {"spread": spread(first[kind]["lstmlab"])})
    return rows


def peers_share(runs: list[dict[str, Any]], kind: str) -> list[float]:
    """Return PyTorch's own share of the peak."""
    for run in runs:
        if run["peer"] == "torch":
            sizes = [Size(*z["size"]) for z in run["sizes"]]
            work = [z.forward_flops if kind == "forward" else z.training_flops for z in sizes]
            times = [statistics.median(z[kind]["torch"]) for z in run["sizes"]]
            return [w / time / peak(runs) for w, time in zip(work, times, strict=True)]
    return []


def table(runs: list[dict[str, Any]], kind: str) -> list[str]:
    """Return the rows of one table: our time divided by everybody else's."""
    rows, limits = ratios(runs, kind), peers_share(runs, kind)
    head = ["(B, T, n_x, n_h)", *(NAMES.get(name, name) for name in rows[0])]
    head += ["PyTorch, of the peak"] if limits else []
    lines = heading(head)
    for k, (size, row) in enumerate(zip(runs[0]["sizes"], rows, strict=True)):
        first, *middle, last = row.values()
        shown = [f"{100 * (first or 0.0):.0f} %", *map(cell, middle), percent(last or 0.0)]
        shown += [cell(limits[k])] if limits else []
        lines.append(line([str(Size(*size["size"])), *shown]))
    return lines


def gru_table(runs: list[dict[str, Any]]) -> list[str]:
    """Return the table of the GRU, both passes side by side; nothing where none was timed."""
    rows = [row for run in runs for row in run.get("gru", [])]
    if not rows:
        return []
    lines = ["**GRU, the reset after the product.**", ""]
    head = ["(B, T, n_x, n_h)", "forward: step by step", "PyTorch", "spread"]
    head += ["both passes: step by step", "PyTorch", "spread"]
    lines += heading(head)
    for row in rows:
        shown = []
        for kind in ("forward", "training"):
            shown += [cell(ratio(row[kind], "lstmlab", name)) for name in ("step by step", "torch")]
            shown += [percent(spread(row[kind]["lstmlab"]))]
        lines.append(line([str(Size(*row["size"])), *shown]))
    return [*lines, ""]


def book_copy(found: list[dict[str, Any]]) -> str:
    """Return the figures of all tables as the text of the file that chapter 21 reads."""

    def rounded(runs: list[dict[str, Any]], kind: str) -> list[dict[str, float | None]]:
        return [
            {name: None if value is None else round(value, 2) for name, value in row.items()}
            for row in ratios(runs, kind)
        ]

    machines = [
        {
            "machine": each["machine"],
            "settings": [
                {
                    "threads": threads,
                    "kernels": kernels,
                    "peers": {NAMES[r["peer"]]: r["version"] for r in runs if r["peer"] in NAMES},
                    "sizes": [z["size"] for z in runs[0]["sizes"]],
                    "forward": rounded(runs, "forward"),
                    "training": rounded(runs, "training"),
                }
                for (threads, kernels), runs in by_setting(each).items()
            ],
        }
        for each in found
    ]
    return json.dumps({"machines": machines}, indent=1) + "\n"


def machine_report(found: dict[str, Any]) -> list[str]:
    """Return everything about one machine."""
    lines = [f"## {found['machine']}", ""]
    lines += [f"{found['system']}; Python {found['python']}, NumPy {found['numpy']}.", ""]
    for (threads, kernels), runs in by_setting(found).items():
        versions = ", ".join(f"{NAMES[r['peer']]} {r['version']}" for r in runs if r["peer"] in NAMES)
        word = "thread" if threads == 1 else "threads"
        lines += [f"### {threads} {word}, OpenBLAS kernels {kernels or 'not told'}", ""]
        lines += [f"Peak {peak(runs) / 1e9:.0f} GF/s in a large float32 product. {versions}.", ""]
        for kind, words in (("forward", "Forward"), ("training", "Forward and backward, all gradients")):
            lines += [f"**{words}.**", "", *table(runs, kind), ""]
        lines += gru_table(runs)
    lines += ["### Memory of a training step, float32", ""]
    lines += ["The most bytes held during both passes, by those that the formula of chapter 19 counts.", ""]
    lines += [
        "| (B, T, n_x, n_h) | formula, MB | fused, times that | step by step, times that |",
        "|---|---|---|---|",
    ]
    for row in found["memory"]:
        lines.append(
            f"| {Size(*row['size'])} | {row['formula'] / 1e6:.2f} | {row['fused'] / row['formula']:.2f} "
            f"| {row['plain'] / row['formula']:.2f} |"
        )
    return [*lines, ""]


def front_table(found: list[dict[str, Any]]) -> list[str]:
    """Return what the course's own README shows: the first machine, its first setting."""
    if not found:
        return ["Not yet measured.", ""]
    (threads, kernels), runs = next(iter(by_setting(found[0]).items()))
    word = "thread" if threads == 1 else "threads"
    shown = [("forward", name) for name in ("torch", "onnxruntime", "six equations")]
    shown += [("training", name) for name in ("torch", "six equations")]
    ahead = {kind: ratios(runs, kind) for kind in ("forward", "training")}
    heads = {"forward": "forward", "training": "both passes"}
    lines = [
        f"Our time divided by theirs (below 1 lstmlab is faster), {found[0]['machine']}, "
        f"OpenBLAS kernels {kernels}, {threads} {word}; for other kernels and for two threads, which suit it "
        "less, see [benchmarks](benchmarks/README.md):",
        "",
    ]
    lines += heading(["(B, T, n_x, n_h)", *(f"{heads[k]}: {NAMES.get(n, n)}" for k, n in shown)])
    for row, size in enumerate(runs[0]["sizes"]):
        values = [cell(ahead[kind][row].get(name)) for kind, name in shown]
        lines.append(line([str(Size(*size["size"])), *values]))
    return [*lines, ""]


def plot(found: list[dict[str, Any]], file: Path) -> None:
    """Draw our time divided by the others' on the first machine, one panel a kind of pass."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "benchmarks"
    settings = by_setting(found[0])
    chosen = next(iter(settings))
    runs = settings[chosen]
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
    for ax, kind, title in zip(
        axes, ("forward", "training"), ("forward", "forward and backward"), strict=True
    ):
        sizes = [str(Size(*z["size"])) for z in runs[0]["sizes"]]
        for run, marker in zip(runs, "os^", strict=False):
            points = [ratio(z[kind], "lstmlab", run["peer"]) for z in run["sizes"]]
            if all(point is not None for point in points):
                ax.plot(points, range(len(sizes)), marker, label=f"against {NAMES[run['peer']]}")
        points = [ratio(z[kind], "lstmlab", "six equations") for z in runs[0]["sizes"]]
        ax.plot(points, range(len(sizes)), "x", color="0.3", label="against the six equations")
        ax.axvline(1.0, color="0.6", linewidth=1)
        ax.set_xscale("log")
        ax.set_xticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
        ax.set_xlabel("our time / theirs")
        ax.set_yticks(range(len(sizes)), sizes)
        ax.set_title(title)
    axes[0].set_ylabel("(B, T, $n_x$, $n_h$)")
    axes[1].legend(loc="lower right", fontsize=8)
    fig.tight_layout()
    fig.savefig(file, metadata={"Date": None})
    plt.close(fig)


def write_report() -> None:
    """Write the marked parts of the two README.md, the book's copy of the figures, and the plot."""
    found = results()
    whole = [line for each in found for line in machine_report(each)] or ["Not yet measured.", ""]
    for readme, lines in ((HERE / "README.md", whole), (FRONT, front_table(found))):
        before, _, rest = readme.read_text(encoding="utf8").partition(BEGIN)
        text = before + BEGIN + "\n" + "\n".join(lines) + END + rest.partition(END)[2]
        readme.write_text(text, encoding="utf8", newline="\n")
    BOOK.write_text(book_copy(found), encoding="utf8", newline="\n")
    if found:
        plot(found, HERE / "results" / "ratios.svg")
    print("written: README.md, benchmarks/README.md, book/models/benchmarks.json")
    print("chapter 21 shows them: make notebooks")
