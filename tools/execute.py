"""Execute notebooks in place so that a second run changes no byte.

    python tools/execute.py [--check] [NOTEBOOK ...]     (none named: every one of book/ and exercises/)

No timings, no language version and no widget state are stored, and an unchanged file is not rewritten.
``--check`` writes nothing and exits with 1 if a file would change. A cell that raises stops its
notebook, names the cell, and leaves the file as it was.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.reader import NotJSONError

from environment import ROOT, child_environment, command

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
    try:
        old = path.read_text(encoding="utf8")
        nb = nbformat.reads(old, as_version=4)
        execute(nb, path.parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError, NotJSONError, UnicodeDecodeError) as error:
        return path, f"failed\n{error}"
    new = as_text(nb)
    if new == old:
        return path, "unchanged"
    try:
        if not check:
            store(path, new)
    except OSError as error:
        return path, f"failed\n{error}"
    return path, "changed"


def store(path: Path, text: str) -> None:
    """Write a file beside its place and move it there: a full disk leaves the old one whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf8", newline="\n")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def out_of_reach() -> None:
    """Keep Ctrl+C from a worker, where it would cut a kernel's messages in two; we end it ourselves."""
    if sys.platform != "win32":
        os.setsid()


def kept_going(results: Iterator[Any]) -> Iterator[Any]:
    """Yield results; Ctrl+C ends the workers, whose kernels go when they miss them."""
    try:
        yield from results
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.kill()
        raise


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

    importlib.import_module("matplotlib.font_manager")  # collects fonts once; if it says so, in no cell
    os.environ.update(child_environment(LSTMLAB_BACKEND="numpy"))  # the kernels inherit it
    results = []
    try:
        with ProcessPoolExecutor(min(len(files), 2), initializer=out_of_reach) as pool:
            for path, result in kept_going(pool.map(run, files, [options.check] * len(files))):
                shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
                first, _, rest = result.partition("\n")
                print(f"{first:<9} {shown}{rest and chr(10)}{rest}", flush=True)
                results.append(first)
    except BrokenProcessPool:
        sys.exit("A process that executes notebooks was killed, perhaps for want of memory; no file is half.")
    return int("failed" in results or (options.check and "changed" in results))


if __name__ == "__main__":
    sys.exit(command(main))
