"""Make the environment that everything else runs in: .venv with the exact versions of constraints.txt.

    python3 tools/environment.py [--exact] EXTRA ...        for example: book test

Needs nothing but Python 3.11 or newer. What is already there is not done again: a note in .venv
remembers what was installed, and is written only after everything succeeded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

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
    found = version_of(venv_python()) if VENV.exists() else None
    if found and found >= OLDEST and (not exact or found == sys.version_info[:2]):
        return
    python = choose_python(exact)
    require_venv_module(python)
    if VENV.exists():
        if not (VENV / "pyvenv.cfg").is_file():
            sys.exit(f"{VENV} is in the way: it is not a Python environment. Move it away and try again.")
        print(f"Replacing {VENV.name}, which has Python {dotted(found) if found else 'that no longer runs'}.")
        shutil.rmtree(VENV)
    subprocess.run([python, "-m", "venv", str(VENV)], check=True)


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


def install(extras: Sequence[str]) -> None:
    """Install the extras, together with those already there, at the versions of constraints.txt."""
    note = installed()
    already = note.get("extras")
    extras = sorted({*extras, *(already if isinstance(already, list) else ())})
    if note == wanted(extras):
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
        for line in pip.stdout:
            file.write(line)
            if show:
                print(f"\r  {line.strip()[:70]:<70}", end="", flush=True)
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
        make_venv(options.exact)
        install(options.extra)
    except KeyboardInterrupt:
        print("\nStopped; the next run starts the installation again.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
