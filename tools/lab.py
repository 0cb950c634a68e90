"""Make plain copies of the chapters and open them in JupyterLab.

    python tools/lab.py [--no-start]       copies into lab/chapters, JupyterLab on top; root: --allow-root
    python tools/lab.py --publish FOLDER   copies for Colab: links to the site, a cell that fetches the course

The chapters in book/ are written for the site: their boxes, references and labels are MyST. The copies say
the same in Markdown that every notebook reader knows. A copy that was worked on is left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from environment import ROOT, command

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from course import find_repository, git_in, site_options
from execute import as_text
from outside import beside, setup_cell
from plain import Place, file_name
from plain_labels import read
from plain_notebook import plain

LAB = ROOT / "lab"
NOTE = "copies.json"
#: The copies stand as deep as the chapters, and so find models and exercises under the same names.
PLACE = Place(exercises="../../exercises/")
#: JupyterLab's own: asking elsewhere for news, and a second reader of MyST where one is installed.
OFF = {"@jupyterlab/apputils-extension:announcements": True, "jupyterlab-myst": True}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def copies(place: Place, publish: bool = False) -> dict[str, str]:
    """Return the content of every copy by its file's name."""
    labels = read(ROOT)
    repository = find_repository(os.environ, git_in(ROOT)) if publish else None
    made = {}
    for document in beside(labels):
        here = replace(place, beside=frozenset(beside(labels)), setup=setup_cell(repository, document))
        made[file_name(document)] = as_text(plain(labels, document, here))
    return made


def write(folder: Path, made: dict[str, str]) -> list[str]:
    """Write the copies, and return the names of those that were worked on and stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / NOTE
    written: dict[str, str] = json.loads(note.read_text(encoding="utf8")) if note.is_file() else {}
    kept = []
    for name, text in made.items():
        target, content = folder / name, text.encode()
        if target.is_file() and digest(target.read_bytes()) not in (written.get(name), digest(content)):
            kept.append(name)
            continue
        target.write_bytes(content)
        written[name] = digest(content)
    note.write_text(json.dumps(written, indent=1, sort_keys=True), encoding="utf8")
    return kept


def quiet_settings() -> None:
    """Switch off, in this environment only, what JupyterLab need not do here."""
    config = Path(sys.prefix) / "etc" / "jupyter" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps({"disabledExtensions": OFF}), encoding="utf8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-start", action="store_true", help="make the copies only")
    parser.add_argument(
        "--allow-root",
        action="store_true",
        help="start it as root, as in a container; which JupyterLab refuses",
    )
    parser.add_argument("--publish", type=Path, metavar="FOLDER", help="make the copies for Colab")
    options = parser.parse_args(argv)
    if options.publish:
        base = site_options(os.environ)["html_baseurl"]
        kept = write(options.publish, copies(Place(base=base), publish=True))
        (options.publish / NOTE).unlink()
        return 0
    kept = write(LAB / "chapters", copies(PLACE))
    shutil.copytree(ROOT / "book" / "models", LAB / "models", dirs_exist_ok=True)
    if kept:
        print(f"Left as you changed them: {', '.join(kept)}. Delete one to get it anew.")
    if options.no_start:
        return 0
    quiet_settings()
    start = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    start += ["--LabApp.default_url=/lab/tree/lab/chapters"]
    start += ["--allow-root"] if options.allow_root else []
    try:
        return subprocess.run(start, cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(command(main))
