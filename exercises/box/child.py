"""The process a submission runs in: it reads a job, forks once for each part, and hands back plain data.

The first process never runs a line of the student's code. It watches the forks (time, size of the answer,
number of processes), ends what they leave behind, and writes the answers to its standard output.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import sys
import time
import types
from typing import Any

import numpy as np

from . import extract, values
from .calling import call

PROCESSES = 32


def main() -> None:
    """Answer the job on the standard input."""
    job = values.loads(sys.stdin.buffer.read())
    answer_to = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    with contextlib.suppress(Exception):  # orphans come to us, and nobody may look into our memory
        libc = ctypes.CDLL(None)
        libc.prctl(36, 1, 0, 0, 0)
        libc.prctl(4, 0, 0, 0, 0)
    stand_in(job["lstmlab"])
    if job["fonts"]:
        folder = os.environ["MPLCONFIGDIR"]
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, job["fonts"]["name"]), "wb") as file:
            file.write(job["fonts"]["data"].tobytes())
    answers = {}
    for part in job["parts"]:
        data, ended = watch(job, part, answer_to)
        answers[part["number"]] = {"ended": ended, "data": np.frombuffer(data, np.uint8)}
    with os.fdopen(answer_to, "wb") as out:
        out.write(values.dumps(answers))


def stand_in(with_lstmlab: bool) -> None:
    """Give the notebook's imports something harmless: no reference can be called from here."""

    class Nothing:
        def __getattr__(self, name: str) -> Any:
            return Nothing()

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return Nothing()

    course = types.ModuleType("exercises")
    course.xp, course.start, course.to_numpy = np, Nothing(), np.asarray  # type: ignore[attr-defined]
    sys.modules["exercises"] = course
    if not with_lstmlab:
        package = types.ModuleType("lstmlab")
        package.xp, package.to_numpy = np, np.asarray  # type: ignore[attr-defined]
        sys.modules["lstmlab"] = package


def watch(job: dict[str, Any], part: dict[str, Any], secret: int) -> tuple[bytes, str]:
    """Run one part in a fork; return its answer and, if it did not end by itself, why."""
    limits, start = job["limits"], time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            os.close(secret)
            os.setsid()
            confine(limits)
            data = answer(job, part)
            with os.fdopen(writer, "wb") as out:
                out.write(data)
        except MemoryError:
            os._exit(9)
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(writer)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_NONBLOCK)
    data, ended = b"", ""
    status: int | None = None
    while True:
        ready, _, _ = select.select([reader], [], [], 0.02)
        chunk = _read(reader) if ready else None
        data += chunk or b""
        if len(data) > limits["answer"]:
            ended = f"answers with more than {limits['answer'] >> 20} MiB"
        elif time.monotonic() - start > limits["seconds"]:
            ended = f"gave no answer within {limits['seconds']:g} seconds: is there a loop that never ends?"
        elif len(descendants()) > PROCESSES:
            ended = f"started more than {PROCESSES} processes"
        if ended:
            break
        if status is None:
            done, found = os.waitpid(pid, os.WNOHANG)
            status = found if done else None
        elif not chunk:  # it has ended, and the pipe is empty
            break
    os.close(reader)
    sweep(pid)
    if not ended and status != 0:
        code = os.waitstatus_to_exitcode(status or 0)
        ended = "ended the Python process (exit), or used too much memory"
        if code < 0:
            ended = f"was ended by signal {-code}: too much time, memory or output"
    return (b"" if ended else bytes(data)), ended


def _read(reader: int) -> bytes | None:
    try:
        return os.read(reader, 2**20)
    except OSError:
        return None


def confine(limits: dict[str, Any]) -> None:
    """Set what the operating system refuses to this process and its children."""
    seconds = int(limits["seconds"]) + 1
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: limits["memory"],
        resource.RLIMIT_FSIZE: limits["file"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        getattr(resource, "RLIMIT_NPROC", -1): PROCESSES,
    }
    for kind, value in wanted.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def descendants() -> list[int]:
    """Return the processes below this one. (Only where there is a /proc: on Linux.)"""
    parents: dict[int, list[int]] = {}
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in names:
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        parents.setdefault(parent, []).append(int(name))
    found, todo = [], [os.getpid()]
    while todo:
        below = parents.get(todo.pop(), [])
        found += below
        todo += below
    return found


def sweep(pid: int) -> None:
    """End the fork, its group and everything it left behind."""
    for _ in range(50):
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        left = descendants()
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        time.sleep(0.01)


def answer(job: dict[str, Any], part: dict[str, Any]) -> bytes:
    """In the fork: take over the code, call the function on every case."""
    given, _ = extract.read_cells([tuple(cell) for cell in job["given"]])
    theirs, problems = extract.read_cells([tuple(cell) for cell in job["cells"]])
    loans, _ = extract.read_cells([tuple(cell) for cell in part["loans"]])
    locked = {name for statement in given for name in statement.makes}
    lent = set(part["lent"])
    theirs = [s for s in theirs if not s.makes or not s.makes <= locked | lent]
    wanted = {part["function"]}
    chosen = extract.needed([*given, *theirs, *loans], wanted)
    namespace: dict[str, Any] = {"__name__": "submission"}
    problems += extract.execute(chosen, namespace)
    function = namespace.get(part["function"])
    if not callable(function):
        return values.dumps({"missing": True, "problems": problems[:5]})
    outcomes = [call(function, case, plot=part["plot"]) for case in part["cases"]]
    return values.dumps({"outcomes": outcomes, "problems": problems[:5]})
