"""Run a submission in a process of its own, walled off as far as this machine can.

With bubblewrap (``bwrap``, Linux) that process sees Python, NumPy and Matplotlib, and nothing else: no
network, no home, no repository, no other submission, no gradebook, a scratch folder in memory. Without it
there are the operating system's limits only, and :func:`Sandbox.not_isolated` says what that leaves open.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .box import values

HERE = Path(__file__).parent
START = "import sys; sys.path.insert(0, {code!r}); from box.child import main; main()"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: What the process may have: seconds a part, bytes of memory a process, of one file, of a part's answer.
LIMITS = {"seconds": 10.0, "memory": 2 * 2**30, "file": 16 * 2**20, "answer": 4 * 2**20}


class SandboxError(RuntimeError):
    """The process that should have run the submission could not do so."""


@dataclass
class Sandbox:
    """How submissions are run on this machine.

    Attributes
    ----------
    bwrap
        Path of bubblewrap; ``None`` looks for it; ``""`` does without.
    limits
        Changes to :data:`LIMITS`.
    lstmlab
        Whether this exercise may use the course's package.
    """

    bwrap: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if os.name != "posix":
            raise SandboxError(
                "grading needs Linux or macOS (on Windows: WSL); the notebook's own check runs anywhere"
            )
        self.limits = {**LIMITS, **self.limits}
        self.trouble = ""
        if self.bwrap is None:
            self.bwrap = shutil.which("bwrap") or ""
            if not self.bwrap:
                self.trouble = "bubblewrap (the program bwrap) is not installed"
            elif said := self._refuses():
                self.bwrap, self.trouble = "", f"bubblewrap does not work here ({said})"

    def not_isolated(self) -> list[str]:
        """Say what a submission could still do here, each in a sentence; empty where all walls stand."""
        if self.bwrap:
            return []
        return [
            f"NOT ISOLATED: {self.trouble or 'bubblewrap is switched off'}.",
            "  Submissions run with limits of time, memory, file size and processes only.",
            "  They could use the network, and read and write whatever the account that grades may:",
            "  sources, gradebook, other submissions.",
            "  A process that hides well may outlive its submission.",
            "  Install bubblewrap, or grade in a container or with an account that owns nothing.",
        ]

    def run(self, job: dict[str, Any]) -> dict[int, dict[str, Any]]:
        """Run a job; return of each part ``outcomes``, ``missing`` or ``ended``. Nothing in it is trusted."""
        plots = any(part["plot"] for part in job["parts"])
        job = {**job, "limits": self.limits, "fonts": self.fonts if plots else None}
        wait = (self.limits["seconds"] + 2.0) * len(job["parts"]) + 20.0
        with (
            tempfile.TemporaryDirectory(prefix="submission-") as scratch,
            tempfile.TemporaryFile() as question,
        ):
            question.write(values.dumps(job))
            question.seek(0)
            data = self._talk(self._command(bool(job["lstmlab"])), scratch, question, wait)
        try:
            answers = values.loads(data)
            return {part["number"]: _answer(answers.get(str(part["number"]))) for part in job["parts"]}
        except (values.RefusedError, AttributeError) as error:
            why = f"left no readable result ({error})" if data else "ended the process it ran in"
            return {part["number"]: {"ended": why} for part in job["parts"]}

    def _talk(self, command: list[str], scratch: str, question: Any, wait: float) -> bytes:
        process = subprocess.Popen(
            command,
            stdin=question,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=self._environment(scratch),
            start_new_session=True,
            close_fds=True,
        )
        assert process.stdout is not None
        data, deadline, out = bytearray(), time.monotonic() + wait, process.stdout.fileno()
        try:
            while len(data) <= values.LARGEST and time.monotonic() < deadline:
                if select.select([out], [], [], 0.5)[0]:
                    chunk = os.read(out, 2**20)
                    if not chunk:
                        break
                    data += chunk
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
            process.wait()
        return bytes(data)

    def _environment(self, scratch: str) -> dict[str, str]:
        inside = "/box" if self.bwrap else scratch
        env = dict.fromkeys(THREADS, "1")
        env |= {"HOME": inside, "TMPDIR": inside, "MPLCONFIGDIR": f"{inside}/mpl", "MPLBACKEND": "agg"}
        return env | {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "LSTMLAB_BACKEND": "numpy",
            "PYTHONHASHSEED": "0",
        }

    def _command(self, with_lstmlab: bool) -> list[str]:
        code = "/code" if self.bwrap else str(HERE)
        python = [sys.executable, "-I", "-B", "-c", START.format(code=code)]
        if not self.bwrap:
            return python
        sealed = [self.bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        for folder in ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives"):
            path = Path(folder)
            if path.is_symlink():
                sealed += ["--symlink", os.readlink(path), folder]
            elif path.exists():
                sealed += ["--ro-bind", folder, folder]
        for prefix in sorted({sys.base_prefix, sys.exec_prefix, sys.prefix}):
            if not prefix.startswith("/usr"):
                sealed += ["--ro-bind", prefix, prefix]
        for package in ("lstmlab", "exercises"):  # where they are installed among the other packages
            installed = Path(sysconfig.get_path("purelib")) / package
            if installed.is_dir():
                sealed += ["--tmpfs", str(installed)]
        sealed += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 * 2**20), "--tmpfs", "/box"]
        sealed += ["--ro-bind", str(HERE / "box"), "/code/box"]
        if with_lstmlab:
            import lstmlab

            sealed += ["--ro-bind", str(Path(lstmlab.__file__).parent), "/code/lstmlab"]
        return [*sealed, "--chdir", "/box", "--remount-ro", "/", *python]

    @cached_property
    def fonts(self) -> dict[str, Any] | None:
        """Matplotlib's list of fonts; without it each process would make its own, a second or more."""
        try:
            import matplotlib as mpl
            import matplotlib.font_manager as manager

            manager.fontManager  # noqa: B018  made, and stored, on the first access
            file = max(Path(mpl.get_cachedir()).glob("fontlist-*.json"))
            return {"name": file.name, "data": np.frombuffer(file.read_bytes(), np.uint8)}
        except Exception:
            return None

    def _refuses(self) -> str:
        command = [self.bwrap or "", "--unshare-all", "--ro-bind", "/", "/", "--cap-drop", "ALL", "/bin/true"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            return type(error).__name__
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1][:120]


def _answer(found: Any) -> dict[str, Any]:
    """Read one part's answer: as plain data, or why there is none."""
    if not isinstance(found, dict):
        return {"ended": "left no result"}
    if found.get("ended"):
        return {"ended": str(found["ended"])[:200]}
    try:
        answer = values.loads(found["data"].tobytes())
    except (values.RefusedError, AttributeError, KeyError) as error:
        return {"ended": f"left no readable result ({error})"}
    return answer if isinstance(answer, dict) else {"ended": "left no readable result"}
