"""Make the environment that everything else runs in: .venv with the exact versions of constraints.txt.

    python3 tools/environment.py [--exact] EXTRA ...        for example: book test

Needs nothing but Python 3.11 or newer. What is already there is not done again: a note in .venv
remembers what was installed, and is written only after everything succeeded.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NOTE = VENV / "lstmlab-installed.json"
OLDEST, NEWEST = (3, 11), (3, 13)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def child_environment(**changes: str) -> dict[str, str]:
    """Return the variables for a child process: one thread for each linear algebra library.

    Several processes run at once, the arrays are small, and sums over threads differ in the last digit.
    """
    return {**os.environ, **dict.fromkeys(THREADS, "1"), **changes}


def command(main: Callable[[], int]) -> int:
    """Run what a command does, and end in a word where a traceback would say nothing more.

    Ctrl+C, a folder that may only be read, a full disk; what a terminal cannot show is spelled out.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return main()
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 130
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(
            f"{error.strerror}: {error.filename or ROOT}\n"
            "The course writes into its own folder: copy it to one of yours, on a disk with room."
        )


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until no other process of this checkout is inside the block of that name.

    The lock is the operating system's: it goes when its process does, however that ends.
    """
    folder = ROOT / "_build"
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.lock").open("a", encoding="utf8") as file:
        if not _locked(file):
            print(f"Another {name} is under way in this folder; waiting for it to end ...", flush=True)
            while not _locked(file):
                time.sleep(0.2)
        yield  # closing the file lets the next one in


def _locked(file: IO[str]) -> bool:
    """Take the lock on a file, or say that another process has it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # some shared folders have no locks: then there is no waiting either
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def venv_python(venv: Path = VENV) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def version_of(python: str | Path) -> tuple[int, int] | None:
    """Ask an interpreter for its version; ``None`` if it does not run."""
    ask = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True)
        major, minor = done.stdout.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return int(major), int(minor)


def choose_python(exact: bool) -> str:
    """Return the running interpreter, or a better one of this machine unless ``exact`` is asked for."""
    here = sys.version_info[:2]
    if OLDEST <= here <= NEWEST or (exact and here >= OLDEST):
        return sys.executable
    if not exact:
        for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
            found = shutil.which(f"python3.{minor}")
            if found and version_of(found) == (3, minor):
                return found
    if here > NEWEST:
        print(f"Python {dotted(here)} is newer than the course was tested with; trying it.")
        return sys.executable
    sys.exit(
        f"The course needs Python {dotted(OLDEST)} or newer; {sys.executable} is {dotted(here)}"
        + ("." if exact else ", and no python3.11, python3.12 or python3.13 was found.")
        + "\nInstall a newer Python, or name one: make PYTHON=/path/to/python3.12 ..."
    )


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def require_venv_module(python: str) -> None:
    """Debian and Ubuntu ship Python without what makes an environment."""
    ask = "import ensurepip, venv"
    if subprocess.run([python, "-c", ask], capture_output=True, check=False).returncode:
        name = f"python{dotted(version_of(python) or OLDEST)}-venv"
        sys.exit(
            f"{python} cannot make environments: its modules venv and ensurepip are missing.\n"
            f"On Debian and Ubuntu they are a package of their own: sudo apt install python3-venv"
            f" (or {name})"
        )


def make_venv(exact: bool) -> None:
    """Create .venv, unless a working one of the wanted version is there."""
    if is_usable(exact):
        return
    python = choose_python(exact)
    require_venv_module(python)
    if VENV.exists():
        if not (VENV / "pyvenv.cfg").is_file():
            sys.exit(f"{VENV} is in the way: it is not a Python environment. Move it away and try again.")
        found = version_of(venv_python())
        had = "Python that no longer runs" if not found else f"Python {dotted(found)}"
        print(f"Replacing {VENV.name}, which has {had}{'' if not found or has_pip() else ' and no pip'}.")
        shutil.rmtree(VENV)
    try:
        made = subprocess.run([python, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    except BaseException:  # Ctrl+C: half of one would be in the way of the next run
        shutil.rmtree(VENV, ignore_errors=True)
        raise
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        reason = "\n".join((made.stdout + made.stderr).strip().splitlines()[-3:])
        sys.exit(f"{reason}\n{VENV} cannot be made: is there room on the disk, and may you write there?")


def is_usable(exact: bool) -> bool:
    """Say whether .venv works, and with ``exact`` whether it has this very Python."""
    found = version_of(venv_python()) if VENV.exists() else None
    return (
        found is not None and found >= OLDEST and (not exact or found == sys.version_info[:2]) and has_pip()
    )


def has_pip() -> bool:
    """Say whether the environment is whole: one whose making was cut off has Python and no pip."""
    if NOTE.is_file():
        return True
    ask = [str(venv_python()), "-c", "import pip"]
    return subprocess.run(ask, capture_output=True, check=False).returncode == 0


def wanted(extras: Sequence[str]) -> dict[str, object]:
    """Describe an installation: two that are described alike are alike."""
    content = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return {"extras": sorted(extras), "content": hashlib.sha256(content).hexdigest(), "folder": str(ROOT)}


def installed() -> dict[str, object]:
    try:
        note = json.loads(NOTE.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def with_those_there(extras: Sequence[str]) -> list[str]:
    already = installed().get("extras")
    return sorted({*extras, *(already if isinstance(already, list) else ())})


def install(extras: Sequence[str]) -> None:
    """Install the extras, together with those already there, at the versions of constraints.txt."""
    extras = with_those_there(extras)
    if installed() == wanted(extras):
        return
    NOTE.unlink(missing_ok=True)
    print(
        f"Installing {', '.join(extras)} into {VENV.name} (the first time takes a minute or two) ...",
        flush=True,
    )
    start = time.perf_counter()
    command = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["-c", "constraints.txt", "-e", f".[{','.join(extras)}]"]
    log = VENV / "install.log"
    show = sys.stdout.isatty()
    with log.open("w", encoding="utf8") as file:
        pip = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                file.write(line)
                if show:
                    print(f"\r  {line.strip()[:70]:<70}", end="", flush=True)
        except BaseException:
            pip.terminate()
            pip.wait()
            raise
    if show:
        print(f"\r{'':<72}\r", end="")
    if pip.wait():
        tail = "".join(log.read_text(encoding="utf8").splitlines(keepends=True)[-25:])
        sys.exit(f"{tail}\nThe installation failed; the lines above are the end of {log.relative_to(ROOT)}.")
    NOTE.write_text(json.dumps(wanted(extras)), encoding="utf8")
    print(f"Installed in {time.perf_counter() - start:.0f} s.", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("extra", nargs="+", help="extras of pyproject.toml")
    parser.add_argument("--exact", action="store_true", help="use the Python this runs under, or none")
    options = parser.parse_args(argv)
    try:
        # First without the lock: a folder that may only be read, and has its environment, is good enough.
        if installed() != wanted(with_those_there(options.extra)) or not is_usable(options.exact):
            with alone("installation"):
                make_venv(options.exact)
                install(options.extra)
    except KeyboardInterrupt:
        print("\nStopped; the next run starts the installation again.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
