"""Build the site: _build/html. A warning is an error.

    python tools/build.py [--fresh]

Where nothing but pages has changed since a build that succeeded, Sphinx reads these again and keeps the rest;
``book/_ext/again.py`` sees to it that the site is the same as one built from nothing. After anything else it
starts from nothing: Sphinx forgets the warnings of pages it does not read, so that a second run after a
failed one would succeed. Where nothing has changed at all, nothing is done.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from environment import ROOT, alone, child_environment, command

HTML = ROOT / "_build" / "html"
DOCTREES = ROOT / "_build" / ".doctrees"
NOTE = ROOT / "_build" / "built.json"
FOLDERS = ("book", "exercises", "experiments", "lstmlab", "tests")  # tests are shown under the equations
FILES = ("_config.yml", "_toc.yml", "pyproject.toml", "constraints.txt")
#: Files that Sphinx reads by itself when they have changed. A style sheet, say, stands on every page.
PAGE = re.compile(r"book/.*\.(?:ipynb|md)|exercises/[^/]*\.md")
#: Variables that decide which addresses the pages link to.
VARIABLES = (
    "GITHUB_SERVER_URL",
    "GITHUB_REPOSITORY",
    "GITHUB_REF_NAME",
    "GITHUB_BASE_REF",
    "LSTMLAB_NOTEBOOKS_BRANCH",
    "LSTMLAB_SITE_URL",
)
#: Started through its module: the script beside the interpreter breaks when the folder is moved. Ctrl+C
#: reaches it as well as us, who say so: it ends without a word. It makes millions of objects and keeps most:
#: to look through all of them for garbage as often as Python does takes a fifth of the time.
JUPYTER_BOOK = (
    sys.executable,
    "-c",
    "import gc, signal; gc.set_threshold(1_000_000, 50, 100); signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "from jupyter_book.cli.main import main; main()",
)


def inputs() -> Iterator[Path]:
    """Yield every file a build reads."""
    for name in FILES:
        yield ROOT / name
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden:
                yield path


def fingerprint() -> dict[str, str]:
    """Return digests of all a build depends on: of each file, and under no name of addresses and versions."""
    files = {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in inputs()
    }
    refs = (
        "remote get-url origin",
        "rev-parse --abbrev-ref @{upstream}",
        "symbolic-ref refs/remotes/origin/HEAD",
        "rev-parse --verify --quiet refs/remotes/origin/notebooks",
    )
    answers = [
        subprocess.run(["git", *ref.split()], cwd=ROOT, capture_output=True, text=True, check=False).stdout
        for ref in (refs if shutil.which("git") else ())
    ]
    # A set: a folder that stands on the path twice would count twice.
    versions = sorted({f"{d.name} {d.version}" for d in importlib.metadata.distributions()})
    rest = [os.environ.get(name, "") for name in VARIABLES], answers, platform.python_version(), versions
    return {**files, "": hashlib.sha256(json.dumps(rest).encode()).hexdigest()}


def read_so_far() -> str:
    """Return a digest of what Sphinx has read: a build by hand, without this tool, leaves another."""
    pickle = DOCTREES / "environment.pickle"
    return hashlib.sha256(pickle.read_bytes()).hexdigest() if pickle.is_file() else ""


def last_good() -> dict[str, str]:
    """Return the inputs of the site that is there, if this tool built it last and without a warning."""
    if not (HTML / "index.html").is_file():
        return {}
    try:
        note = json.loads(NOTE.read_text(encoding="utf8"))
        return dict(note["inputs"]) if note["read"] == read_so_far() else {}
    except (OSError, ValueError, TypeError, KeyError):  # none, half of one, or one of an earlier version
        return {}


def is_current(now: dict[str, str]) -> bool:
    """Say whether the site was built without a warning from exactly these inputs."""
    return last_good() == now


def can_go_on(now: dict[str, str]) -> bool:
    """Say whether a build may begin with what the last one read: all that differs is what pages say."""
    last = last_good()
    differing = (name for name in now if now[name] != last.get(name))
    return now.keys() == last.keys() and all(map(PAGE.fullmatch, differing)) and (DOCTREES / "pages").is_dir()


def build(fresh: bool = False) -> bool:
    """Build the site if anything changed, or anyhow if ``fresh``; say whether it is good."""
    with alone("build"):
        return _build(fresh)


def _build(fresh: bool) -> bool:
    now = fingerprint()
    if not fresh and is_current(now):
        print("The site is up to date.", flush=True)
        return True
    print("Building the site ...", flush=True)
    start = time.perf_counter()
    goes_on = not fresh and can_go_on(now)
    NOTE.unlink(missing_ok=True)  # until this build has succeeded
    for folder in () if goes_on else (HTML, DOCTREES, HTML.parent / "jupyter_execute"):
        shutil.rmtree(folder, ignore_errors=True)
    start_it = [*JUPYTER_BOOK, "build", ".", "-W", "-n", "--keep-going", "-q"]
    environment = child_environment(LSTMLAB_BACKEND="numpy", MPLBACKEND="agg")
    # Its standard output is a greeting and a file:// address; warnings and errors come on the other one.
    status = subprocess.run(
        start_it, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False
    ).returncode
    seconds = f"{time.perf_counter() - start:.0f} s"
    if status or not (HTML / "index.html").is_file():
        print(f"The site was not built cleanly ({seconds}); the warnings above say why.", flush=True)
        return False
    NOTE.write_text(json.dumps({"inputs": now, "read": read_so_far()}), encoding="utf8")
    print(f"Built {HTML.relative_to(ROOT).as_posix()} in {seconds}.", flush=True)
    return True


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fresh", action="store_true", help="build even if nothing has changed")
    return int(not build(parser.parse_args(argv).fresh))


if __name__ == "__main__":
    sys.exit(command(main))
