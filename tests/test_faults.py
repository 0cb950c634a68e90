"""What goes wrong around the course: Ctrl+C half way, a full disk, two at once, a terminal without ü."""

import errno
import io
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError

import build
import environment
import execute

NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def fails(error):
    def failing(*args, **kwargs):
        raise error

    return failing


# --- a command ----------------------------------------------------------------------------------------


def test_ctrl_c_ends_a_command_in_a_word(capsys):
    assert environment.command(fails(KeyboardInterrupt())) == 130
    assert capsys.readouterr().out == "\nStopped.\n"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_cannot_be_written_is_said_without_a_traceback(number):
    with pytest.raises(SystemExit, match=r"(?s)course/_build.*copy it to one of yours, on a disk with room"):
        environment.command(fails(OSError(number, os.strerror(number), "course/_build")))


def test_a_tool_that_runs_alone_in_a_shell_uses_it():
    for name in ("build", "environment", "execute", "lab", "offline", "pdf", "serve"):
        text = (environment.ROOT / "tools" / f"{name}.py").read_text(encoding="utf8")
        assert text.endswith("sys.exit(command(main))\n"), name


def test_other_errors_are_ours_and_keep_their_traceback():
    with pytest.raises(OSError, match="bad file"):
        environment.command(fails(OSError(errno.EBADF, "bad file")))


def test_a_terminal_without_letters_stops_no_command(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    assert environment.command(lambda: print("Kurs für alle", flush=True) or 0) == 0
    assert screen.buffer.getvalue() == rb"Kurs f\xfcr alle" + os.linesep.encode()


# --- two at once --------------------------------------------------------------------------------------


def test_the_second_waits_for_the_first_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    order = []

    def second():
        with environment.alone("build"):
            order.append("second")

    other = threading.Thread(target=second)
    with environment.alone("build"):
        other.start()
        other.join(timeout=0.3)
        with environment.alone("installation"):  # another name does not wait
            order.append("first")
    other.join(timeout=20)
    assert order == ["first", "second"]
    assert capsys.readouterr().out.count("Another build is under way in this folder; waiting") == 1


def test_a_build_and_an_installation_are_alone(tmp_path, monkeypatch):
    inside = []

    def alone(name):
        inside.append(name)
        raise KeyboardInterrupt

    for module in (build, environment):
        monkeypatch.setattr(module, "alone", alone)
    monkeypatch.setattr(environment, "NOTE", tmp_path / "none")
    with pytest.raises(KeyboardInterrupt):
        build.build()
    assert environment.main(["book"]) == 130
    assert inside == ["build", "installation"]


def test_where_there_are_no_locks_nobody_waits(tmp_path, monkeypatch):
    if sys.platform != "win32":
        monkeypatch.setattr(environment.fcntl, "flock", fails(OSError(errno.ENOLCK, "No locks available")))
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    with environment.alone("build"):
        pass


# --- half an environment, half a build ----------------------------------------------------------------


@pytest.fixture
def venv(tmp_path, monkeypatch):
    """A repository of its own, where "python -m venv" succeeds; what was started, in order."""
    folder, started = tmp_path / ".venv", []
    for name, value in (("ROOT", tmp_path), ("VENV", folder), ("NOTE", folder / "note.json")):
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "venv_python", lambda: folder / "python")
    monkeypatch.setattr(environment, "require_venv_module", lambda python: None)
    monkeypatch.setattr(environment, "version_of", lambda python: sys.version_info[:2])

    def run(command, **options):
        started.append(" ".join(command[1:3]))
        if "venv" in command:
            folder.mkdir()
            (folder / "pyvenv.cfg").touch()
            (folder / "pip").touch()
        return SimpleNamespace(returncode=int(not (folder / "pip").is_file()), stdout="", stderr="")

    monkeypatch.setattr(environment.subprocess, "run", run)
    return folder, started


def test_an_environment_without_pip_is_made_anew(venv, capsys):
    folder, started = venv
    folder.mkdir()
    (folder / "pyvenv.cfg").touch()  # killed while pip was being put in
    environment.make_venv(exact=True)
    assert "and no pip" in capsys.readouterr().out
    assert started[-1] == "-m venv"
    environment.make_venv(exact=True)
    assert started.count("-m venv") == 1


def test_ctrl_c_while_an_environment_is_made_leaves_none(venv, monkeypatch):
    folder, _ = venv

    def interrupted(command, **options):
        folder.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(environment.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.make_venv(exact=True)
    assert not folder.exists()


def test_an_environment_that_cannot_be_made_says_why(venv, monkeypatch):
    folder, _ = venv
    refused = subprocess.CompletedProcess([], 1, "", "Traceback\nError: [Errno 28] No space left on device\n")
    monkeypatch.setattr(environment.subprocess, "run", lambda command, **options: refused)
    with pytest.raises(SystemExit, match=r"(?s)No space left on device.*\.venv cannot be made"):
        environment.make_venv(exact=True)
    assert not folder.exists()


def test_an_interrupted_build_is_none(tmp_path, monkeypatch):
    html = tmp_path / "_build" / "html"
    for module, name, value in (
        (environment, "ROOT", tmp_path),
        (build, "ROOT", tmp_path),
        (build, "HTML", html),
        (build, "DOCTREES", html.parent / ".doctrees"),
        (build, "NOTE", html.parent / "built.json"),
    ):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(build, "fingerprint", lambda: {"": "as before"})
    html.mkdir(parents=True)
    (html / "index.html").touch()
    build.NOTE.write_text('{"inputs": {"": "as before"}, "read": ""}', encoding="utf8")
    assert build.is_current({"": "as before"})
    monkeypatch.setattr(build.subprocess, "run", fails(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        build.build(fresh=True)
    assert not build.is_current({"": "as before"})


# --- executing notebooks ------------------------------------------------------------------------------


@pytest.fixture
def chapter(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook()), encoding="utf8")
    return path


def test_a_killed_kernel_leaves_the_chapter_alone(chapter, monkeypatch):
    before = chapter.read_bytes()
    monkeypatch.setattr(execute, "execute", fails(DeadKernelError("Kernel died")))
    assert execute.run(chapter, check=False) == (chapter, "failed\nKernel died")
    assert chapter.read_bytes() == before


@pytest.mark.parametrize("where", ["write_text", "replace"])
def test_a_full_disk_leaves_the_chapter_alone(chapter, monkeypatch, where):
    before = chapter.read_bytes()
    monkeypatch.setattr(
        execute, "execute", lambda nb, folder: nb.cells.append(nbformat.v4.new_code_cell("1"))
    )
    with monkeypatch.context() as patch:
        patch.setattr(
            *((execute.os, "replace") if where == "replace" else (type(chapter), where)), fails(NO_ROOM)
        )
        assert execute.run(chapter, check=False) == (chapter, f"failed\n{NO_ROOM}")
    assert chapter.read_bytes() == before
    assert [path.name for path in chapter.parent.iterdir()] == ["a.ipynb"]
    assert execute.run(chapter, check=False) == (chapter, "changed")


def test_half_a_notebook_is_named_and_left_alone(chapter):
    chapter.write_text('{"cells": [', encoding="utf8")
    assert execute.run(chapter, check=False)[1].startswith("failed\nNotebook does not appear to be JSON")
    assert chapter.read_text(encoding="utf8") == '{"cells": ['


def test_a_killed_worker_is_said_without_a_traceback(chapter, monkeypatch):
    class Pool:
        def __init__(self, *args, **kwargs):
            raise execute.BrokenProcessPool

    monkeypatch.setattr(execute, "ProcessPoolExecutor", Pool)
    with pytest.raises(SystemExit, match="was killed, perhaps for want of memory; no file is half"):
        execute.main([str(chapter)])
