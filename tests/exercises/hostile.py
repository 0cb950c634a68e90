"""What goes wrong with submissions, by accident and by intent; each with what the grader has to say.

A submission is a function of the folder that is graded and of the toy exercise; it writes itself there. The
second part of the toy is right in all of them, if it can be read at all.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from handed_in import handed_in, save

from exercises.source import Exercise


class Bad(NamedTuple):
    """A submission: how it is written, what it may score, words that must stand in the table."""

    write: Callable[[Path, Exercise], object]
    points: int
    why: str


HONEST = """
def blend(f, C, x):
    return f * C + (1.0 - f) * double(x)
"""
WRONG = """
def blend(f, C, x):
    return f * C
"""


def notebook(exercise: Exercise, code: str) -> dict:
    return handed_in(exercise, {1: code, 2: exercise.solution(2)})


def answer(code: str) -> Callable[[Path, Exercise], object]:
    """A notebook whose first part is this code."""
    return lambda path, exercise: save(notebook(exercise, code), path.with_suffix(".ipynb"))


def inside(line: str, then: str = "return f * C") -> Callable[[Path, Exercise], object]:
    """A notebook whose first function does this."""
    body = "\n".join(f"    {text}" for text in [*line.strip().splitlines(), then])
    return answer(f"def blend(f, C, x):\n{body}\n")


def changed(change: Callable[[dict], object], code: str = HONEST) -> Callable[[Path, Exercise], object]:
    """A notebook with something done to it as a whole."""

    def write(path: Path, exercise: Exercise) -> None:
        nb = notebook(exercise, code)
        change(nb)
        save(nb, path.with_suffix(".ipynb"))

    return write


def raw(data: bytes, ending: str = ".ipynb") -> Callable[[Path, Exercise], object]:
    return lambda path, exercise: path.with_suffix(ending).write_bytes(data)


def insert(source: str, at: int = 0) -> Callable[[dict], None]:
    """Put a cell into a notebook."""
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    return lambda nb: nb["cells"].insert(at, cell)


def without_checks(nb: dict) -> None:
    nb["cells"] = [cell for cell in nb["cells"] if "check.part" not in "".join(cell["source"])]


def edited_checks(nb: dict) -> None:
    for cell in nb["cells"]:
        if "check.part" in "".join(cell["source"]):
            cell["source"], cell["metadata"]["nbgrader"]["points"] = "check.points = lambda n: 100.0", 100


def twice(nb: dict) -> None:
    nb["cells"] += [json.loads(json.dumps(cell)) for cell in nb["cells"]]


def empty_copy_below(nb: dict) -> None:
    insert(
        'def blend(f, C, x):\n    raise NotImplementedError("task 1: blend old and new")', len(nb["cells"])
    )(nb)


def given_changed(nb: dict) -> None:
    insert("def double(a):\n    return 100 * a", len(nb["cells"]))(nb)


def strange_cells(nb: dict) -> None:
    nb["cells"] += [
        None,
        3,
        {"cell_type": "code"},
        {"cell_type": "code", "source": [1, None]},
        {"source": {}},
    ]
    nb["metadata"] = []


def symlink(path: Path, exercise: Exercise) -> None:
    secret = save(notebook(exercise, HONEST), path.parent.parent / "somebody_else.ipynb")
    path.with_suffix(".ipynb").symlink_to(secret)


def symlink_in_folder(path: Path, exercise: Exercise) -> None:
    path.mkdir()
    (path / "90_toy.ipynb").symlink_to("/etc/passwd")


def fifo(path: Path, exercise: Exercise) -> None:
    path.mkdir()
    os.mkfifo(path / "90_toy.ipynb")


def folder_for_file(path: Path, exercise: Exercise) -> None:
    (path.with_suffix(".ipynb") / "deep").mkdir(parents=True)


def zip_bomb(path: Path, exercise: Exercise) -> None:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("90_toy.ipynb", b" " * (64 * 2**20))


def zip_climbs(path: Path, exercise: Exercise) -> None:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("../../escaped/90_toy.ipynb", json.dumps(notebook(exercise, HONEST)))


def zip_cut(path: Path, exercise: Exercise) -> None:
    zip_climbs(path, exercise)
    whole = path.with_suffix(".zip").read_bytes()
    path.with_suffix(".zip").write_bytes(whole[: len(whole) // 2])


def zip_honest(path: Path, exercise: Exercise) -> None:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("my work/exercise.ipynb", json.dumps(notebook(exercise, HONEST)))
        archive.writestr("__MACOSX/._exercise.ipynb", b"\0\1")


def honest_text(exercise: Exercise) -> bytes:
    return json.dumps(notebook(exercise, HONEST)).encode()


EVERYWHERE = """
import builtins, sys
import numpy
numpy.allclose = numpy.array_equal = numpy.isclose = lambda *a, **k: True
builtins.all = builtins.any = builtins.isinstance = lambda *a, **k: True
for module in list(sys.modules.values()):
    for name in ("judge", "close", "find_fault", "loads", "allowed"):
        if hasattr(module, name):
            setattr(module, name, lambda *a, **k: None)
"""
FORGED = """
import os
for number in range(3, 20):
    try:
        os.write(number, b"LSTMLAB1 0000000002\\n{}" * 3)
    except OSError:
        pass
os._exit(0)
"""
OBJECT = """
class Sly(type(f)):
    __array_priority__ = 1e9
    def __eq__(self, other): return True
    def __reduce__(self): return (exec, ("open('canary', 'w')",))
"""
KILLER = """
import os, signal
for pid in {os.getppid()}:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
"""
BOMB = """
import os, time
for _ in range(300):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
"""
IGNORES = """
import signal
for number in range(1, 30):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
"""
MEMORY = "import numpy as np\nhoard = np.ones(10**9)"
DISK = """
with open("flood", "wb") as file:
    for _ in range(10_000):
        file.write(b"x" * 2**20)
"""
LEFT = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(90)
    os._exit(0)
"""
READS = """
import glob, os, sys
folders = ("/", os.path.expanduser("~"), *sys.path)
found = [p for top in folders for p in glob.glob(f"{top}/90_toy*")]
import exercises
exercises.start("90_toy").reference(1)
"""

BAD: dict[str, Bad] = {
    # code
    "endless": Bad(inside("while True: pass"), 3, "gave no answer within"),
    "ignores_interrupts": Bad(inside(IGNORES), 3, "gave no answer within"),
    "sleeps": Bad(inside("import time; time.sleep(600)"), 3, "gave no answer within"),
    "fork_bomb": Bad(inside(BOMB), 3, "part 1: "),
    "leaves_a_process": Bad(inside(LEFT), 3, "part 1: C_t is wrong"),
    "memory": Bad(inside(MEMORY), 3, "MemoryError"),
    "prints_200_MB": Bad(inside("for _ in range(200): print('x' * 2**20)"), 3, "wrong"),
    "fills_the_disk": Bad(inside(DISK), 3, "part 1: "),
    "returns_too_much": Bad(inside("import numpy as np", "return np.zeros((2000, 2000))"), 3, "part 1: "),
    "exits": Bad(inside("import sys; sys.exit(0)"), 3, "SystemExit"),
    "exits_hard": Bad(inside("import os; os._exit(0)"), 3, "left no readable result"),
    "crashes": Bad(inside("import ctypes; ctypes.string_at(0)"), 3, "ended by signal 11"),
    "recursion": Bad(inside("return blend(f, C, x)"), 3, "RecursionError"),
    "syntax": Bad(answer("def blend(f, C, x):\n    return f * (C"), 3, "cannot be read by Python"),
    "raises_at_import": Bad(answer(f"import no_such_module\n{HONEST}"), 5, ""),
    "exits_at_import": Bad(answer(f"import sys\nsys.exit()\nEND = sys.exit()\n{HONEST}"), 5, ""),
    "needs_what_fails": Bad(answer(f"k = open('data.csv')\n{WRONG.replace('f * C', 'k')}"), 3, "NameError"),
    "no_function": Bad(answer("blend = 3"), 3, "there is no function blend"),
    "patches_numpy": Bad(answer(f"{EVERYWHERE}\n{WRONG}"), 3, "part 1: "),
    "patches_inside": Bad(inside(EVERYWHERE), 3, "part 1: "),
    "forges": Bad(inside(FORGED), 3, "part 1: "),
    "returns_an_object": Bad(inside(OBJECT, "return (f * C).view(Sly)"), 3, "part 1: "),
    "kills_its_parent": Bad(inside(KILLER), 3, "ended the process it ran in"),
    "looks_for_the_checks": Bad(
        inside(READS, "return exercises.start('90_toy').reference(1)(f, C, x)"), 3, "part 1: "
    ),
    "uses_the_course": Bad(inside("import lstmlab", "return lstmlab.sigmoid(f)"), 3, "AttributeError"),
    "borrows": Bad(answer("blend = check.reference(1)"), 3, "there is no function blend"),
    "changes_what_is_given": Bad(changed(given_changed), 5, ""),
    # notebooks
    "checks_deleted": Bad(changed(without_checks), 5, ""),
    "checks_edited": Bad(changed(edited_checks, WRONG), 3, "part 1: C_t is wrong"),
    "cells_twice": Bad(changed(twice), 5, ""),
    "empty_copy_below": Bad(changed(empty_copy_below), 5, ""),
    "strange_cells": Bad(changed(strange_cells), 5, ""),
    "magics": Bad(changed(insert("%matplotlib inline\n!rm -rf x\n%%bash\nls?\nimport math")), 5, ""),
    "wrong_name": Bad(changed(lambda nb: nb["metadata"].update(exercise={"name": "77_other"})), 5, ""),
    "other_course": Bad(changed(lambda nb: nb.update(cells=[], metadata={})), 0, "answers no exercise"),
    "not_utf8": Bad(raw('{"cells": ["für"]}'.encode("latin-1")), 0, "is not UTF-8 text (byte"),
    "truncated": Bad(
        lambda path, e: path.with_suffix(".ipynb").write_bytes(honest_text(e)[:900]), 0, "breaks off"
    ),
    "empty": Bad(raw(b""), 0, "is empty"),
    "nested": Bad(raw(b"[" * 200_000), 0, "is not a"),
    "a_list": Bad(raw(b"[1, 2]"), 0, "it has no cells"),
    "old": Bad(raw(b'{"worksheets": []}'), 0, "the format of before 2015"),
    "no_notebook": Bad(raw(b"my answer", ".docx"), 0, "is neither a notebook"),
    "symlink": Bad(symlink, 0, "is a symbolic link"),
    "symlink_inside": Bad(symlink_in_folder, 0, "is a symbolic link"),
    "fifo": Bad(fifo, 0, "is not a plain file"),
    "folder_for_file": Bad(folder_for_file, 0, "there is no notebook"),
    "zip_bomb": Bad(zip_bomb, 0, "would unpack to 64 MiB"),
    "zip_climbs": Bad(zip_climbs, 5, ""),
    "zip_cut": Bad(zip_cut, 0, "is not a readable zip file"),
    "zip_honest": Bad(zip_honest, 5, ""),
    "=HYPERLINK(1)": Bad(answer(HONEST), 5, ""),
    "<script>alert(1)<!--": Bad(answer(HONEST), 5, ""),
}
