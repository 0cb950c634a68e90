"""Execute notebooks in place so that a second run changes no byte.

    python tools/execute.py [--check] [NOTEBOOK ...]     (none named: every one of book/ and exercises/)

No timings, no language version and no widget state are stored, and an unchanged file is not rewritten.
``--check`` writes nothing and exits with 1 if a file would change. A cell that raises stops its
notebook, names the cell, and leaves the file as it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from environment import ROOT, child_environment

SECONDS_PER_CELL = 120
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebooks() -> list[Path]:
    """Return every chapter, in reading order; the students' copies in exercises/ have no outputs."""
    return sorted(p for p in ROOT.glob("book/**/*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def execute(nb: nbformat.NotebookNode, folder: Path) -> None:
    """Run a notebook in a fresh kernel and keep only what a second run would give again."""
    for cell in nb.cells:
        cell.metadata.pop("execution", None)
    client = NotebookClient(
        nb,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        record_timing=False,
        coalesce_streams=True,  # how a print is cut into pieces depends on the clock
        extra_arguments=["--log-level=ERROR"],  # nothing is said about the loopback ports in use
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    for key in ("language_info", "widgets"):
        nb.metadata.pop(key, None)
    nb.metadata["kernelspec"] = dict(KERNEL)


def as_text(nb: nbformat.NotebookNode) -> str:
    """Write a notebook the one way it is stored."""
    return str(nbformat.writes(nb)).rstrip("\n") + "\n"


def run(path: Path, check: bool) -> tuple[Path, str]:
    old = path.read_text(encoding="utf8")
    nb = nbformat.reads(old, as_version=4)
    try:
        execute(nb, path.parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return path, f"failed\n{error}"
    new = as_text(nb)
    if new == old:
        return path, "unchanged"
    if not check:
        path.write_text(new, encoding="utf8", newline="\n")
    return path, "changed"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebook", nargs="*", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file would change"
    )
    options = parser.parse_args(argv)
    files = [p.resolve() for p in options.notebook] or notebooks()
    for path in files:
        if path.suffix != ".ipynb" or not path.is_file():
            parser.error(f"expected a notebook (.ipynb), got {path}")
    if not files:
        parser.error("there is no notebook under book/ or exercises/")

    os.environ.update(child_environment(LSTMLAB_BACKEND="numpy"))  # the kernels inherit it
    results = []
    with ProcessPoolExecutor(min(len(files), 2)) as pool:
        for path, result in pool.map(run, files, [options.check] * len(files)):
            shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
            first, _, rest = result.partition("\n")
            print(f"{first:<9} {shown}{rest and chr(10)}{rest}", flush=True)
            results.append(first)
    return int("failed" in results or (options.check and "changed" in results))


if __name__ == "__main__":
    sys.exit(main())
