"""Read what students handed in, without running any of it: folders, notebooks, zip files.

Every path, size and encoding comes from somebody else. Nothing is unpacked to the disk, no link is
followed, nothing but a plain file is opened, and each refusal is one sentence for the instructor.
"""

from __future__ import annotations

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGEST = 20 * 2**20  # bytes of one notebook; pictures in outputs make them large
MEMBERS, DEPTH = 2_000, 6


@dataclass
class Submission:
    """One student's notebook, or the reason why there is none.

    ``data`` are its bytes; ``where`` says where it was found; ``trouble`` why it cannot be read.
    """

    student: str
    where: str
    data: bytes = b""
    trouble: str = ""


@dataclass
class Notebook:
    """What of a notebook counts: its cells, the exercise it says it is."""

    code: list[tuple[str, str]] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)  # by nbgrader's names: task-1, answer-1
    name: str = ""
    trouble: str = ""


def collect(folder: Path) -> list[Submission]:
    """Return the submissions in a folder, in order.

    Each entry of the folder is a student: a folder (nbgrader's ``submitted/`` fits), a zip file, or a
    notebook. Names of the students are those of the entries, without the ending of a file.
    """
    found: list[Submission] = []
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        if entry.name.startswith(".") or (
            entry.is_file() and entry.suffix.lower() in (".csv", ".db", ".html")
        ):
            continue
        student = clean(entry.name if entry.is_dir() and entry.suffix != ".ipynb" else entry.stem)
        found += list(_entry(entry, student)) or [
            Submission(student, clean(entry.name), trouble="there is no notebook")
        ]
    return found


def _entry(entry: Path, student: str) -> Iterator[Submission]:
    where = clean(entry.name)
    mode = entry.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield Submission(student, where, trouble="is a symbolic link, which is not followed")
    elif stat.S_ISDIR(mode):
        yield from _walk(entry, student)
    elif entry.suffix.lower() == ".zip":
        yield from _zip(entry, student)
    elif entry.suffix.lower() == ".ipynb":
        yield _file(entry, student, where)
    else:
        yield Submission(student, where, trouble="is neither a notebook, a zip file nor a folder")


def _walk(top: Path, student: str) -> Iterator[Submission]:
    count = 0
    for path, folders, files in os.walk(top, followlinks=False):
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and len(Path(path).relative_to(top).parts) < DEPTH
        )
        for file in sorted(files):
            count += 1
            if count > MEMBERS:
                yield Submission(student, clean(top.name), trouble=f"holds more than {MEMBERS} files")
                return
            if file.lower().endswith(".ipynb") and not file.startswith("."):
                here = Path(path) / file
                yield _file(here, student, clean(str(here.relative_to(top.parent))))


def _file(path: Path, student: str, where: str) -> Submission:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Submission(
            student, where, trouble="is a symbolic link, or cannot be opened; links are not followed"
        )
    with os.fdopen(number, "rb") as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            return Submission(student, where, trouble="is not a plain file")
        if status.st_nlink > 1 and status.st_uid != os.lstat(path.parent).st_uid:
            return Submission(student, where, trouble="is a hard link to somebody else's file")
        if status.st_size > LARGEST:
            return Submission(student, where, trouble=f"is larger than {LARGEST >> 20} MiB")
        return Submission(student, where, data=file.read(LARGEST))


def _zip(path: Path, student: str) -> Iterator[Submission]:
    where = clean(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS:
                yield Submission(student, where, trouble=f"holds more than {MEMBERS} files")
                return
            for member in sorted(members, key=lambda m: m.filename):
                name = clean(f"{path.name}/{member.filename}")
                last = member.filename.rpartition("/")[2]
                if (
                    not last.lower().endswith(".ipynb")
                    or last.startswith(".")
                    or "__MACOSX" in member.filename
                ):
                    continue
                if stat.S_ISLNK(member.external_attr >> 16):
                    yield Submission(student, name, trouble="is a symbolic link, which is not followed")
                elif member.file_size > LARGEST or member.file_size > 200 * max(member.compress_size, 4096):
                    size = member.file_size >> 20
                    yield Submission(
                        student, name, trouble=f"would unpack to {size} MiB; it was not unpacked"
                    )
                else:
                    with archive.open(member) as file:
                        yield Submission(student, name, data=file.read(LARGEST))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        yield Submission(student, where, trouble=f"is not a readable zip file ({type(error).__name__})")
    except Exception as error:  # what a broken archive raises is not listed anywhere
        yield Submission(student, where, trouble=f"is not a readable zip file ({type(error).__name__})")


def parse(data: bytes) -> Notebook:
    """Read a notebook's cells from its bytes; nothing in it is run, and nothing has to be right."""
    if not data.strip():
        return Notebook(trouble="is empty")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Notebook(trouble=f"is not UTF-8 text (byte {error.start}); save it from Jupyter again")
    try:
        nb = json.loads(text)
    except RecursionError:
        return Notebook(trouble="is not a notebook (nested too deeply)")
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        return Notebook(trouble=f"is not a whole notebook: it breaks off or is damaged in line {line}")
    if not isinstance(nb, dict) or not isinstance(nb.get("cells"), list):
        return Notebook(trouble="is not a notebook: it has no cells" + _old(nb))
    exercise = _dictionary(_dictionary(nb.get("metadata")).get("exercise"))
    notebook = Notebook(name=str(exercise.get("name", ""))[:100])
    for number, cell in enumerate(nb["cells"][:MEMBERS], 1):
        if not isinstance(cell, dict):
            continue
        source = _text(cell.get("source"))
        if cell.get("cell_type") == "code":
            notebook.code.append((f"cell {number}", source))
        grading = _dictionary(_dictionary(cell.get("metadata")).get("nbgrader"))
        if grading.get("solution"):
            notebook.written.setdefault(str(grading.get("grade_id"))[:100], source[:50_000])
    return notebook


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _old(nb: Any) -> str:
    return " (it is in the format of before 2015)" if isinstance(nb, dict) and "worksheets" in nb else ""


def _text(source: Any) -> str:
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    text = source if isinstance(source, str) else ""
    return text[:200_000].replace("\r\n", "\n").replace("\0", "")


def which(notebook: Notebook, where: str, names: list[str]) -> str:
    """Say which exercise a notebook answers: by its metadata, its first cell, its file's name; or ""."""
    if notebook.name in names:
        return notebook.name
    for _, source in notebook.code:
        found = re.search(r"exercises\.start\(\s*[\"'](\w+)[\"']", source)
        if found and found[1] in names:
            return found[1]
    stem = Path(where).stem
    return next((name for name in names if name in stem), "")


def clean(text: str) -> str:
    """Make a name fit for a table and a file: no control characters, no path of its own."""
    text = text.encode("utf8", "replace").decode("utf8")
    return "".join(c if c.isprintable() else "�" for c in text)[:200]
