"""What this process computes with, and what slows it down without saying so."""

from __future__ import annotations

import importlib
import os
import platform
from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import default_namespace

#: OpenBLAS kernels that leave a processor's AVX-512 unused.
NARROW = ("haswell", "zen", "sandybridge", "nehalem", "prescott")


class Blas(NamedTuple):
    """One BLAS library in this process.

    Attributes
    ----------
    name
        For instance ``"openblas 0.3.31"``.
    kernels
        Which processor's code it runs, as it names it; empty if it does not say.
    threads
        How many threads it may start.
    """

    name: str
    kernels: str
    threads: int


def blas_libraries() -> list[Blas]:
    """Return every BLAS library that is loaded in this process."""
    threadpoolctl = importlib.import_module("threadpoolctl")
    found = [info for info in threadpoolctl.threadpool_info() if info.get("user_api") == "blas"]
    return [
        Blas(
            f"{info['internal_api']} {info.get('version') or ''}".strip(),
            str(info.get("architecture") or ""),
            int(info["num_threads"]),
        )
        for info in found
    ]


def processor_widths() -> set[str]:
    """Return the vector instructions of this processor that NumPy found, in small letters."""
    config: Any = np.show_config(mode="dicts")
    return {name.lower() for name in config.get("SIMD Extensions", {}).get("found", [])}


def remedies(blas: Blas, widths: set[str], cores: int) -> list[str]:
    """Say what to change about a BLAS library, one sentence each.

    Parameters
    ----------
    blas
        The library.
    widths
        What the processor can do, from :func:`processor_widths`.
    cores
        Number of processors this process may use.

    Returns
    -------
    list of str
        Empty if nothing is wrong.
    """
    said = []
    wide = any(name.startswith(("avx512", "x86_v4")) for name in widths)
    if "openblas" in blas.name and wide and blas.kernels.lower() in NARROW:
        said.append(
            f"This processor has AVX-512, and OpenBLAS runs its {blas.kernels} kernels, up to twice as slow "
            "in float32. Start Python with OPENBLAS_CORETYPE=SkylakeX."
        )
    if blas.threads > cores:
        said.append(
            f"BLAS may start {blas.threads} threads on {cores} processors, and they wait for each other. "
            f"Start Python with OPENBLAS_NUM_THREADS={cores} (or OMP_NUM_THREADS={cores})."
        )
    return said


def usable_cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_device() -> str:
    """Return the array library of this process and the device behind it."""
    xp = default_namespace()
    if "cupy" not in xp.__name__:
        return f"{xp.__name__} {getattr(xp, '__version__', '')}".strip()
    cupy = importlib.import_module("cupy")
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    name = properties["name"].decode()
    return f"cupy {cupy.__version__} on {name}, compute capability {cupy.cuda.Device().compute_capability}"


def show_config() -> None:
    """Print versions, array library, device, BLAS kernels and threads, and remedies.

    The same as ``python -m lstmlab``. Nothing is changed: two things that cost more than any code can
    only be set before Python starts.

    Examples
    --------
    >>> import lstmlab as ll
    >>> ll.show_config()  # doctest: +ELLIPSIS
    lstmlab ...
    """
    version = importlib.import_module("lstmlab").__version__
    cores = usable_cores()
    print(f"lstmlab {version}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"arrays   {describe_device()}")
    print(f"machine  {platform.machine()}, {cores} processors for this process")
    libraries, said = blas_libraries(), []
    for blas in libraries:
        kernels = f", {blas.kernels} kernels" if blas.kernels else ""
        print(f"BLAS     {blas.name}{kernels}, {blas.threads} threads")
        said += remedies(blas, processor_widths(), cores)
    if not libraries:
        print("BLAS     none that says what it is")
    for sentence in said:
        print(f"remedy   {sentence}")
