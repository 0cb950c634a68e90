"""Pack the built site into one file that opens without a server: _build/lstm-networks-VERSION.zip.

    python tools/offline.py

Unpack it and open index.html. The same site gives the same bytes.
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from pathlib import Path

from build import HTML, build
from environment import ROOT, command

NAME = "lstm-networks"
#: The oldest time a zip file can say; a build's own would make each file another one.
TIME = (1980, 1, 1, 0, 0, 0)
#: What only a server or the next build wants.
LEFT_OUT = (".buildinfo", "objects.inv", "robots.txt", "sitemap.xml", "404.html")
#: Packed already.
STORED = (".png", ".woff", ".woff2")


def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]["version"])


def pack(site: Path, target: Path) -> int:
    """Write the site's files into a zip file, under one folder, and return how many there are."""
    files = [path for path in sorted(site.rglob("*")) if path.is_file() and path.name not in LEFT_OUT]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(site).as_posix()}", TIME)
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return len(files)


def main() -> int:
    if not build():
        return 1
    target = HTML.parent / f"{NAME}-{version()}.zip"
    count = pack(HTML, target)
    print(f"{target.relative_to(ROOT).as_posix()}: {count} files, {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
