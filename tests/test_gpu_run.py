"""What `make gpu` does where there is no device, and what it would do with one."""

import json
import subprocess
from types import SimpleNamespace

import pytest

import gpu as tool
from benchmarks import gpu as bench
from benchmarks import report


def no_device():
    return "cupy 14.0 is installed, but there is no CUDA device"


def test_without_a_device_it_says_so_and_nothing_fails(monkeypatch, capsys):
    monkeypatch.setattr(tool, "trouble", no_device)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: pytest.fail("something was run"))
    assert tool.main([]) == 0
    said = capsys.readouterr().out
    assert "there is no CUDA device" in said
    assert "Nothing was run" in said
    monkeypatch.setattr(bench, "_cupy_trouble", no_device)
    assert bench.main([]) == 0
    assert "Nothing was timed: cupy 14.0 is installed" in capsys.readouterr().out


@pytest.mark.parametrize("failing", [None, "pytest", "benchmarks.gpu"])
def test_with_a_device_all_steps_run_and_one_failure_is_enough(monkeypatch, capsys, failing):
    ran = []

    def run(command, **options):
        ran.append((command, options.get("env", {}).get("LSTMLAB_BACKEND")))
        return SimpleNamespace(returncode=int(failing in command))

    monkeypatch.setattr(tool, "trouble", lambda: None)
    monkeypatch.setattr(tool, "notebooks", list)
    monkeypatch.setattr(tool.os, "environ", {})
    monkeypatch.setattr(tool.subprocess, "run", run)
    assert tool.main([]) == int(failing is not None)
    (tests, backend), (times, _) = ran
    assert "tests/lstmlab" in tests
    assert backend == "cupy"
    assert times[-1] == "benchmarks.gpu"
    assert capsys.readouterr().out.count("FAILED") == int(failing is not None)


def test_a_chapter_that_fails_is_told_and_none_is_written(monkeypatch, capsys, tmp_path):
    good, bad = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    for path in (good, bad):
        path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    before = [path.read_bytes() for path in (good, bad)]

    def execute(notebook, folder):
        assert tool.os.environ["LSTMLAB_BACKEND"] == "cupy"
        if len(seen) == 1:
            raise tool.DeadKernelError("kernel died")
        seen.append(notebook)

    seen = []
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "notebooks", lambda: [good, bad])
    monkeypatch.setattr(tool, "execute", execute)
    monkeypatch.setattr(tool.os, "environ", {})
    assert tool.run_notebooks() is False
    said = capsys.readouterr().out
    assert "a.ipynb  runs" in said
    assert "b.ipynb  FAILED\nkernel died" in said
    assert [path.read_bytes() for path in (good, bad)] == before


def test_an_unknown_step_is_refused(capsys):
    with pytest.raises(SystemExit):
        tool.main(["speed"])
    assert "expected any of tests, notebooks, bench" in capsys.readouterr().err


def test_the_sizes_are_those_of_the_issue_and_every_version_is_one_of_ours():
    assert {(size.B, size.T, size.n_h) for size in bench.SIZES} == {
        (64, T, n_h) for T in (100, 1000) for n_h in (256, 512, 1024)
    }
    before = dict(bench.cuda_plan.WIDEST)
    with bench.widest(3, 4, 5):
        assert list(bench.cuda_plan.WIDEST.values()) == [3, 4, 5]
    assert before == bench.cuda_plan.WIDEST


def test_ratios_of_a_device_reach_the_table():
    row = {"size": [64, 100, 128, 256], "difference": {}}
    times = {name: [1.0, 1.0] for name in bench.VERSIONS} | {"a launch a step": [4.0, 4.0]}
    row |= {kind: times | {"torch": [2.0, 2.0]} for kind in ("forward", "training")}
    found = {"machine": "G", "cupy": "14", "torch": "2", "cudnn": 9, "runs": [{"tf32": True, "sizes": [row]}]}
    assert bench.medians(found) == [0.5, 0.5]
    made = bench.section([found])
    assert "| (64, 100, 128, 256) | 0.50 | 2.00 | 0.50 | 0.50 | ±0 % |" in made
    assert made.count("**TF32,") == 2


def test_the_section_in_the_readme_is_that_of_the_results():
    text = (report.HERE / "README.md").read_text(encoding="utf8")
    assert text.partition(bench.BEGIN)[2].partition(bench.END)[0] == bench.section(bench.results())


def test_results_of_a_device_are_kept_apart_from_those_of_processors():
    assert not any("runs" in each and "tf32" in each["runs"][0] for each in report.results())
