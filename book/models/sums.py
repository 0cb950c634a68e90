"""``SHA256SUMS``: what the stored files of this folder must be."""

from __future__ import annotations

import hashlib
from pathlib import Path

HERE = Path(__file__).resolve().parent


def record(*names: str) -> None:
    """Write the hashes of files into SHA256SUMS, leaving those of others as they are."""
    sums = HERE / "SHA256SUMS"
    lines = sums.read_text(encoding="utf8").splitlines() if sums.exists() else []
    lines = [line for line in lines if line.split("  ")[1] not in names]
    lines += [f"{hashlib.sha256((HERE / name).read_bytes()).hexdigest()}  {name}" for name in names]
    sums.write_text("\n".join(sorted(lines, key=lambda line: line.split("  ")[1])) + "\n", encoding="utf8")
