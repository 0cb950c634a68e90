"""NVRTC without CuPy and without a device: compile a kernel and read what the assembler says of it.

The library comes with the package nvidia-cuda-nvrtc-cu12 (or -cu13) alone, or with a CUDA toolkit.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """Registers of a thread, and bytes it has to put elsewhere because there are too few."""

    registers: int
    spilled: int


@cache
def nvrtc() -> ctypes.CDLL | None:
    """Return the library, or ``None`` where there is none."""
    found: list[str] = []
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for part in ("cuda_nvrtc", "cu13", "cu12"):
            found += sorted(map(str, Path(folder, part, "lib").glob("libnvrtc.so*")), key=len)
    for toolkit in filter(None, map(os.environ.get, ("CUDA_PATH", "CUDA_HOME"))):
        found += sorted(map(str, Path(toolkit, "lib64").glob("libnvrtc.so*")), key=len)
    for name in [*found, ctypes.util.find_library("nvrtc")]:
        if name:
            try:
                return ctypes.CDLL(name)
            except OSError:
                continue
    return None


def compile_for(architecture: str, text: str, options: tuple[str, ...]) -> dict[str, Usage]:
    """Compile a source and return what each of its kernels uses; the compiler's words if it fails."""
    library, program = nvrtc(), ctypes.c_void_p()
    assert library is not None
    assert library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None) == 0
    given = [f"--gpu-architecture={architecture}", "--ptxas-options=-v", *options]
    status = library.nvrtcCompileProgram(
        program, len(given), (ctypes.c_char_p * len(given))(*(option.encode() for option in given))
    )
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(max(size.value, 1))
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    words = log.value.decode()
    assert status == 0, words
    assert "warning" not in words, words
    names = re.findall(r"Compiling entry function '(\w+)'", words)
    spills = re.findall(r"(\d+) bytes spill stores", words)
    registers = re.findall(r"Used (\d+) registers", words)
    assert len(names) == len(spills) == len(registers) > 0, words
    return {n: Usage(int(r), int(s)) for n, r, s in zip(names, registers, spills, strict=True)}
