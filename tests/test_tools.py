"""What make calls: a port that is taken, an installation that fails half way, a step without tests, …"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

import build
import check
import environment
import execute
import serve

TOOLS = environment.ROOT / "tools"


# --- serve ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "port"), [("", None), ("  ", None), ("8000", 8000), (" 9000 ", 9000)])
def test_port(text, port):
    assert serve.wanted_port({"PORT": text}) == port


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "80.5", "²"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(SystemExit, match=rf"PORT: expected a number from 1 to 65535, got '{text}'"):
        serve.wanted_port({"PORT": text})


def test_a_taken_port_is_an_error_if_it_was_asked_for():
    with serve.listen(0) as first, pytest.raises(SystemExit, match=r"PORT: \d+ cannot be used .* PORT=\d+"):
        serve.open_server(first.server_port)


def test_a_taken_port_is_passed_over_if_none_was_asked_for(capsys, monkeypatch):
    with serve.listen(0) as first:
        monkeypatch.setattr(serve, "DEFAULT_PORT", first.server_port)
        with serve.open_server(None) as second:
            assert first.server_port < second.server_port < first.server_port + serve.TRIES
    assert f"Port {first.server_port} is taken; using {second.server_port}." in capsys.readouterr().out


def test_only_this_machine_is_served():
    with serve.listen(0) as server:
        assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("env", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "a b"}, "linux", False),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_a_browser_is_opened_where_it_would_be_seen(env, platform, expected):
    assert serve.has_display(env, platform) is expected


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl+C otherwise")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_ends_cleanly(tmp_path, number):
    (tmp_path / "index.html").write_text("the course", encoding="utf8")
    (tmp_path / "404.html").write_text("nothing here", encoding="utf8")
    start = (
        f"import sys, pathlib; sys.path.insert(0, {str(TOOLS)!r}); import serve; serve.build = lambda: True; "
        f"serve.listen.__defaults__ = (pathlib.Path({str(tmp_path)!r}),); serve.main(['--no-browser'])"
    )
    # As in a shell's background: SIGINT is ignored at the start.
    process = subprocess.Popen(
        [sys.executable, "-c", start],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PORT": "", "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN) and None,
    )
    assert process.stdout is not None
    line = next(line for line in process.stdout if "http://" in line)
    address = line.split()[4]
    assert urllib.request.urlopen(address, timeout=10).read() == b"the course"
    with pytest.raises(urllib.error.HTTPError, match="404") as found:
        urllib.request.urlopen(f"{address}nowhere.html", timeout=10)
    assert found.value.read() == b"nothing here"
    process.send_signal(number)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0, rest
    assert rest.strip() == "Stopped."


# --- environment ------------------------------------------------------------------------------------


def test_an_old_python_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer; .* is 3\.10, and no python3\.11"):
        environment.choose_python(exact=False)
    with pytest.raises(SystemExit, match=r"is 3\.10\."):
        environment.choose_python(exact=True)


def test_a_tested_python_is_preferred(monkeypatch):
    monkeypatch.setattr(
        environment.shutil, "which", lambda name: f"/bin/{name}" if name == "python3.12" else None
    )
    monkeypatch.setattr(environment, "version_of", lambda python: (3, 12))
    for running in ((3, 10, 0), (3, 14, 0)):
        monkeypatch.setattr(sys, "version_info", running)
        assert environment.choose_python(exact=False) == "/bin/python3.12"


def test_a_newer_python_is_tried(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert environment.choose_python(exact=False) == sys.executable
    assert "3.14 is newer than the course was tested with" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_a_python_that_cannot_make_environments_says_what_to_install(tmp_path):
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\ncase "$2" in *version*) echo 3 12;; *) exit 1;; esac\n', encoding="utf8")
    fake.chmod(0o755)
    with pytest.raises(SystemExit, match=r"apt install python3-venv \(or python3\.12-venv\)"):
        environment.require_venv_module(str(fake))


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """A repository of its own, whose pip is a script: how to change the script, how to read its calls."""
    venv = tmp_path / ".venv"
    python = venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name, encoding="utf8")
    for name, value in (("ROOT", tmp_path), ("VENV", venv), ("NOTE", venv / "note.json")):
        monkeypatch.setattr(environment, name, value)
    monkeypatch.setattr(environment, "venv_python", lambda: python)

    def become(script):
        python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{script}\n', encoding="utf8")
        python.chmod(0o755)

    def calls():
        log = tmp_path / "calls"
        return log.read_text(encoding="utf8").splitlines() if log.exists() else []

    become("exit 0")
    return become, calls


posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in for pip is a shell script")


@posix
def test_what_is_installed_is_not_installed_again(pip):
    _, calls = pip
    environment.install(["book", "test"])
    assert calls() == [
        "-m pip install --disable-pip-version-check --no-input -c constraints.txt -e .[book,test]"
    ]
    environment.install(["test"])
    assert len(calls()) == 1
    environment.install(["lab"])  # what is there stays wanted
    assert calls()[1].endswith(".[book,lab,test]")
    environment.install(["book", "test"])
    assert len(calls()) == 2


@posix
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_list_is_installed(pip, name):
    _, calls = pip
    environment.install(["book"])
    (environment.ROOT / name).write_text("changed", encoding="utf8")
    environment.install(["book"])
    assert len(calls()) == 2


@posix
def test_half_an_installation_counts_as_none(pip):
    become, calls = pip
    environment.install(["book"])
    become("echo no network; exit 1")
    with pytest.raises(SystemExit, match=r"no network\s+The installation failed; .*install\.log"):
        environment.install(["book", "test"])
    become("exit 0")
    environment.install(["book"])
    assert len(calls()) == 3


def test_children_compute_in_one_thread():
    env = environment.child_environment(LSTMLAB_BACKEND="strict")
    assert {env[name] for name in environment.THREADS} == {"1"}
    assert env["LSTMLAB_BACKEND"] == "strict"


# --- build ------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A repository of its own, and a stand-in for Jupyter Book that succeeds or fails."""
    for folder in build.FOLDERS:
        (tmp_path / folder).mkdir()
    for name in (*build.FILES, "book/page.md"):
        (tmp_path / name).write_text(name, encoding="utf8")
    html = tmp_path / "_build" / "html"
    below = {"HTML": html, "DOCTREES": html.parent / ".doctrees", "NOTE": html.parent / "built.json"}
    for name, value in {"ROOT": tmp_path, **below}.items():
        monkeypatch.setattr(build, name, value)
    monkeypatch.setattr(environment, "ROOT", tmp_path)  # the lock is there too

    def become(status):
        write = f"import os; os.makedirs({str(html)!r}); open({str(html / 'index.html')!r}, 'w')"
        monkeypatch.setattr(
            build, "JUPYTER_BOOK", (sys.executable, "-c", f"{write}; raise SystemExit({status})")
        )

    become(0)
    return tmp_path, become


def test_a_site_is_built_once(site, capsys):
    assert build.build()
    assert build.build()
    assert capsys.readouterr().out.count("Building") == 1
    assert build.build(fresh=True)
    assert capsys.readouterr().out.count("Building") == 1


@pytest.mark.parametrize("name", ["book/page.md", "book/new.md", "_toc.yml", "constraints.txt"])
def test_any_change_builds_again(site, capsys, name):
    folder, _ = site
    assert build.build()
    (folder / name).write_text("changed", encoding="utf8")
    assert build.build()
    assert capsys.readouterr().out.count("Building") == 2


def test_another_address_builds_again(site, capsys, monkeypatch):
    assert build.build()
    monkeypatch.setenv("LSTMLAB_SITE_URL", "https://example.org/course")
    assert build.build()
    assert capsys.readouterr().out.count("Building") == 2


def test_a_failed_build_is_not_forgotten(site):
    folder, become = site
    assert build.build()
    become(1)
    (folder / "book" / "page.md").write_text("a broken link", encoding="utf8")
    assert not build.build()
    assert not build.build()


# --- execute ----------------------------------------------------------------------------------------


def notebook(path, source):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="one")])
    path.write_text(nbformat.writes(nb), encoding="utf8")
    return path


def test_a_second_run_changes_no_byte(tmp_path, capsys):
    path = notebook(tmp_path / "a.ipynb", "import lstmlab as ll\nprint(ll.xp.__name__)")
    assert execute.main(["--check", str(path)]) == 1
    assert execute.main([str(path)]) == 0
    stored = path.read_bytes()
    assert b"numpy" in stored
    assert b"language_info" not in stored
    assert execute.main([str(path)]) == 0
    assert execute.main(["--check", str(path)]) == 0
    assert path.read_bytes() == stored
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "changed",
        "changed",
        "unchanged",
        "unchanged",
    ]


def test_a_cell_that_raises_leaves_the_file_alone(tmp_path, capsys):
    path = notebook(tmp_path / "a.ipynb", "raise ValueError('the third gate')")
    stored = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert "the third gate" in capsys.readouterr().out
    assert path.read_bytes() == stored


def test_only_notebooks_are_executed(tmp_path, capsys):
    with pytest.raises(SystemExit):
        execute.main([str(tmp_path / "a.md")])
    assert "expected a notebook (.ipynb)" in capsys.readouterr().err


# --- check ------------------------------------------------------------------------------------------


def write_report(path, **numbers):
    attributes = " ".join(f'{name}="{number}"' for name, number in numbers.items())
    path.write_text(f"<testsuites><testsuite {attributes}/></testsuites>", encoding="utf8")


@pytest.mark.parametrize(
    ("numbers", "ran", "words"),
    [
        ({"tests": 9, "failures": 1, "errors": 1, "skipped": 3}, 6, "4 passed, 2 failed, 3 skipped"),
        ({"tests": 5, "failures": 0, "errors": 0, "skipped": 0}, 5, "5 passed"),
        ({"tests": 0, "failures": 0, "errors": 0, "skipped": 0}, 0, "0 passed"),
    ],
)
def test_numbers_of_a_report(tmp_path, numbers, ran, words):
    write_report(tmp_path / "r.xml", **numbers)
    assert check.count(tmp_path / "r.xml") == (ran, words)


def test_every_test_belongs_to_a_step():
    words = {word for step in check.steps().values() for command in step.commands for word in command}
    taken_out = {word.removeprefix("--ignore=") for word in words if word.startswith("--ignore=")}
    for path in environment.ROOT.glob("tests/**/test_*.py"):
        name = path.relative_to(environment.ROOT)
        above = {str(name), *map(str, name.parents)} & words
        assert above, f"{name} is run by no step of tools/check.py"
        assert str(name) not in taken_out or str(name) in words
    assert all((environment.ROOT / name).is_file() for name in taken_out)


def test_a_step_without_a_test_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    nothing = check.Step(((sys.executable, "-c", "", "pytest"),), {})
    assert check.run("unit", nothing) == ("unit", pytest.approx(0, abs=20), False, "no test ran (no report)")


def test_all_steps_run_and_one_failure_fails_all(monkeypatch, capfd, tmp_path):
    say = (sys.executable, "-c", "import sys; print('here', sys.argv[1]); sys.exit(int(sys.argv[1]))")
    steps = {name: check.Step(((*say, status),), {}) for name, status in (("a", "0"), ("b", "3"), ("c", "0"))}
    monkeypatch.setattr(check, "steps", lambda processes=1: steps)
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    assert check.main([]) == 1
    out = capfd.readouterr().out
    assert out.count("\nhere") == 3
    last = out.rstrip().splitlines()
    assert last[-1].endswith("tools/check.py b")
    assert last[-2].split()[-1] == "FAILED"
    assert [line.split()[0] for line in last[-6:-3]] == ["a", "b", "c"]
    assert check.main(["a", "c"]) == 0
    assert check.main(["b"]) == 1


def test_two_steps_run_side_by_side_the_longest_first_and_speak_when_they_end(monkeypatch, capfd, tmp_path):
    """The long one waits for a file that the next one writes; the short one has to wait for both."""
    file = tmp_path / "written"
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(file)!r}).exists():\n    time.sleep(0.01)\n"
    write = f"import pathlib; pathlib.Path({str(file)!r}).touch(); print('written')"
    long = f"print('begun', flush=True)\n{wait}print('ended')"
    steps = {
        "short": check.Step(((sys.executable, "-c", "print('short')"),), {}, 1),
        "next": check.Step(((sys.executable, "-c", write),), {}, 2),
        "long": check.Step(((sys.executable, "-c", long),), {}, 3),
    }
    monkeypatch.setattr(check, "steps", lambda processes=1: steps)
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    assert check.main([]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "2 steps side by side: long, next, short"
    assert said.index("ended") == said.index("begun") + 1  # though others spoke in between
    assert {"written", "short"} < set(said)


def test_an_interrupted_run_leaves_no_process_and_begins_no_other(monkeypatch, capfd, tmp_path):
    running = check.Running()
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    steps = {name: check.Step((sleep, sleep), {}) for name in "abc"}
    monkeypatch.setattr(check, "RUNNING", running)
    monkeypatch.setattr(check, "steps", lambda processes=1: steps)
    monkeypatch.setattr(check, "REPORTS", tmp_path)

    def interrupt(futures):
        while len(running.processes) < 2:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "as_completed", interrupt)
    start = time.perf_counter()
    assert check.main([]) == 130
    assert time.perf_counter() - start < 30.0
    assert not running.processes
    assert "Stopped." in capfd.readouterr().out


def test_a_step_alone_has_all_processors_and_two_share_them(monkeypatch, tmp_path):
    asked = []

    def steps(processes=1):
        asked.append(processes)
        return {name: check.Step(((sys.executable, "-c", ""),), {}) for name in "ab"}

    monkeypatch.setattr(check, "steps", steps)
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    monkeypatch.setattr(check.os, "cpu_count", lambda: 8)
    check.main(["a"])
    check.main([])
    assert asked == [1, 8, 1, 4]


def test_an_unknown_step_is_named(capsys):
    with pytest.raises(SystemExit):
        check.main(["nonsense"])
    assert (
        "no step nonsense; expected any of lint, types, package, strict, mutants, book, around, notebooks, "
        "site" in capsys.readouterr().err
    )
