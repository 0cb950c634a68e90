"""The stored models are those that the book was written with, small, and without code in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

MODELS = Path(__file__).parents[2] / "book" / "models"
SUMS = {
    name: digest
    for digest, name in (
        line.split("  ", 1) for line in (MODELS / "SHA256SUMS").read_text(encoding="utf8").splitlines()
    )
}
#: No model: the benchmarks' figures, which tests/test_benchmarks.py compares with the results.
FIGURES = "benchmarks.json"
STORED = sorted(
    path.name for path in MODELS.iterdir() if path.suffix in (".npz", ".json") and path.name != FIGURES
)


def test_every_stored_file_has_its_hash_and_every_hash_its_file() -> None:
    assert sorted(SUMS) == STORED


@pytest.mark.parametrize("name", STORED)
def test_a_stored_file_is_the_one_that_was_committed(name: str) -> None:
    content = (MODELS / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == SUMS[name]
    assert len(content) < 60_000


@pytest.mark.parametrize("name", [name for name in STORED if name.endswith(".npz")])
def test_an_archive_holds_plain_finite_arrays(name: str) -> None:
    with np.load(MODELS / name, allow_pickle=False) as arrays:
        for key in arrays:
            assert arrays[key].dtype.kind in "fiubU", key
            assert arrays[key].dtype.kind != "f" or np.isfinite(arrays[key]).all(), key


def test_every_model_has_a_script_that_says_how_to_remake_it() -> None:
    for name in STORED:
        script = MODELS / f"make_{name.rpartition('.')[0]}.py"
        assert script.name in script.read_text(encoding="utf8").split('"""')[1]
