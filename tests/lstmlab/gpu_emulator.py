"""Kernels compiled by the host's C++ compiler, behind the interface of a device: see gpu_emulator.h."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmlab.kernels.cuda_plan import Constants, Kernel

HEADER = Path(__file__).parent / "gpu_emulator.h"
COMPILER = shutil.which("g++") or shutil.which("clang++")
REASON = "CUDA kernels run on the host only on Linux with g++ or clang++"
AVAILABLE = sys.platform == "linux" and COMPILER is not None


class Version(NamedTuple):
    """A kernel's source under a name of its own, and what it is compiled for."""

    label: str
    text: str
    kernels: tuple[str, ...]
    constants: Constants

    @property
    def place(self) -> str:
        """The C++ namespace it stands in."""
        return place(self.label, self.constants)


def place(label: str, constants: Constants) -> str:
    return "_".join([label, *(f"{name}_{value}" for name, value in constants)])


def compile_all(versions: Iterable[Version], folder: Path) -> ctypes.CDLL:
    """Compile all versions in one go, each in a namespace, and load them."""
    lines = [f'#include "{HEADER}"']
    for version in versions:
        lines += [f"#define {name} {value}" for name, value in version.constants]
        lines += [f"namespace {version.place} {{", version.text, "}"]
        lines += [f"#undef {name}" for name, _ in version.constants] + ["#undef REAL"]
        lines += [f"LAUNCHER({version.place}, {kernel})" for kernel in version.kernels]
    code, library = folder / "kernels.cpp", folder / "kernels.so"
    code.write_text("\n".join(lines) + "\n", encoding="utf8")
    assert COMPILER is not None
    command = [COMPILER, "-std=c++14", "-O0", "-shared", "-fPIC", "-w", str(code), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return ctypes.CDLL(str(library))


class StuckError(Exception):
    """Every thread of a kernel waits for another."""


class Unwritten:
    """NumPy, but memory that nobody has written holds no number, instead of the last run's right ones."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def empty(shape: tuple[int, ...], dtype: Any) -> Any:
        return np.full(shape, np.nan, dtype)


class EmulatedDevice:
    """A device whose arrays are NumPy's.

    Parameters
    ----------
    library
        What :func:`compile_all` returned.
    label
        Which version of the kernels.
    order
        0: threads take turns from the first to the last; 1: from the last to the first. Plus 2: a block that
        has told others something steps back.
    """

    xp: Any = Unwritten()
    processors = 10**6

    def __init__(
        self, library: ctypes.CDLL, label: str = "right", order: int = 0, tf32: bool = False
    ) -> None:
        self.compiled, self.label, self.order, self.tf32 = library, label, order, tf32
        self.launches: list[str] = []

    def kernel(self, name: str, constants: Constants) -> Kernel:
        function = self.compiled[f"{place(self.label, constants)}_{name}"]

        def launch(blocks: int, threads: int, args: tuple[Any, ...], shared: int) -> None:
            self.launches.append(name)
            holders = [argument(a) for a in args]
            pointers = [ctypes.cast(ctypes.byref(h), ctypes.c_void_p) for h in holders]
            status = function(blocks, threads, shared, self.order, (ctypes.c_void_p * len(args))(*pointers))
            if status:
                raise StuckError(f"{name}: {status}")

        return launch

    def resident(self, name: str, constants: Constants, shared: int) -> int:
        return 10**6


def argument(a: Any) -> Any:
    """Return a ctypes object that holds an argument, as CuPy would pass it."""
    if isinstance(a, np.ndarray):
        assert a.flags.c_contiguous, "a kernel takes arrays in C order only"
        return ctypes.c_void_p(a.ctypes.data)
    if isinstance(a, np.integer) and a.dtype.itemsize in (4, 8):
        return (ctypes.c_int32 if a.dtype.itemsize == 4 else ctypes.c_int64)(int(a))
    raise TypeError(f"expected an array, or a whole number of a fixed size, got {a!r}")
