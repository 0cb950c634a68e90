"""How much processor time each notebook needs, noted while nbval runs it.

Its kernels start IPython with a small script of ours, which writes down after every cell how much processor
time the kernel has used and which cells it has run. So a busy machine fails nothing, and no notebook is run
once more only to be timed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat

LIMIT = 30  # seconds of processor time
#: One and the same notebook has taken 22 and 40 seconds on one machine, by what its neighbours did: a run
#: fails only where they cannot be the reason.
ROOM = 2
NOTES = "LSTMLAB_NOTE_SECONDS"  # the variable that names the folder for the notes
STARTUP = f"""
import hashlib, json, os, time
from pathlib import Path

def _note_seconds(result, run=hashlib.sha256(), folder=os.environ.get("{NOTES}")):
    if folder and result.info.raw_cell is not None:
        run.update(result.info.raw_cell.strip().encode())
        note = {{"cells": run.hexdigest(), "seconds": time.process_time()}}
        Path(folder, f"{{os.getpid()}}.json").write_text(json.dumps(note))

get_ipython().events.register("post_run_cell", _note_seconds)
"""


def prepare(build: Path) -> dict[str, str]:
    """Make the folders anew and return the variables under which kernels write their notes."""
    notes, ipython = build / "seconds", build / "ipython"
    for folder in (notes, ipython):
        shutil.rmtree(folder, ignore_errors=True)
    notes.mkdir(parents=True)
    startup = ipython / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-note-seconds.py").write_text(STARTUP, encoding="utf8")
    return {NOTES: str(notes), "IPYTHONDIR": str(ipython)}


def cells_of(path: Path) -> str:
    """Return the digest of a notebook's code cells, as the notes hold it."""
    nb = nbformat.read(path, as_version=4)
    run = hashlib.sha256()
    for cell in nb.cells:
        if cell.cell_type == "code" and cell.source.strip():
            run.update(cell.source.strip().encode())
    return run.hexdigest()


def read(build: Path, notebooks: Iterable[Path]) -> dict[str, float | None]:
    """Return each notebook's seconds, ``None`` where no kernel came to its last cell; the slowest first."""
    noted: dict[str, float] = {}
    for file in (build / "seconds").glob("*.json"):
        note = json.loads(file.read_text(encoding="utf8"))
        noted[note["cells"]] = float(note["seconds"])
    found = {path.stem: noted.get(cells_of(path)) for path in notebooks}
    return dict(sorted(found.items(), key=lambda item: -(item[1] or 0.0)))


def report(found: dict[str, float | None], shown: int = 8) -> tuple[str, bool]:
    """Return the list of the slowest in words, and whether all are within what the limit leaves room for."""
    lines = [
        f"{seconds:5.0f} s  {name}" for name, seconds in list(found.items())[:shown] if seconds is not None
    ]
    missing = [name for name, seconds in found.items() if seconds is None]
    slow = [name for name, seconds in found.items() if seconds is not None and seconds >= LIMIT]
    good = not missing and all(seconds < ROOM * LIMIT for seconds in found.values() if seconds is not None)
    said = ["Processor time of the slowest notebooks:", *lines]
    said += [f"over {LIMIT} s: {', '.join(slow)}"] if slow else []
    said += [f"not measured: {', '.join(missing)}"] if missing else []
    return "\n".join(said), good
