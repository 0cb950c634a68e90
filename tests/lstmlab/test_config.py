"""What the package says of the machine it runs on."""

import os
import subprocess
import sys

import pytest

from lstmlab.config import Blas, blas_libraries, remedies, usable_cores

ZEN = {"avx2", "avx512f", "avx512_skx"}


@pytest.mark.parametrize(
    ("blas", "widths", "cores", "words"),
    [
        (Blas("openblas 0.3.31", "Haswell", 2), ZEN, 2, ["OPENBLAS_CORETYPE=SkylakeX"]),
        (Blas("openblas 0.3.31", "Zen", 2), {"x86_v4"}, 2, ["OPENBLAS_CORETYPE=SkylakeX"]),
        (Blas("openblas 0.3.31", "SkylakeX", 2), ZEN, 2, []),
        (Blas("openblas 0.3.31", "Haswell", 2), {"avx2"}, 2, []),
        (Blas("mkl 2024", "", 2), ZEN, 2, []),
        (Blas("openblas 0.3.31", "SkylakeX", 8), ZEN, 2, ["OPENBLAS_NUM_THREADS=2"]),
        (Blas("openblas 0.3.31", "Haswell", 8), ZEN, 4, ["CORETYPE", "OPENBLAS_NUM_THREADS=4"]),
    ],
)
def test_remedies(blas, widths, cores, words):
    said = remedies(blas, widths, cores)
    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


def test_the_library_is_found_and_the_processors_counted():
    assert usable_cores() >= 1
    assert all(blas.threads >= 1 for blas in blas_libraries())


def test_the_front_door_prints_backend_kernels_and_threads():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "LSTMLAB_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-m", "lstmlab"], env=environment, capture_output=True, text=True, check=True
    )
    for word in ("lstmlab 0", "arrays   numpy", "machine", "BLAS"):
        assert word in done.stdout
    for blas in blas_libraries():
        assert blas.name in done.stdout
