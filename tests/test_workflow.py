"""The workflow is valid, runs the README's command on every supported Python, publishes from main only."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "course.yml").read_text(encoding="utf8"))
TRIGGERS = WORKFLOW[True]  # YAML 1.1 reads the key `on` as a truth value


def test_the_schema_is_kept():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *map(str, FILES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_supported_python_is_tested():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"][
        "classifiers"
    ]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers))
    assert WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"] == supported


def test_it_runs_on_every_change_and_weekly():
    assert {"push", "pull_request", "schedule"} <= set(TRIGGERS)
    (schedule,) = TRIGGERS["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \d", schedule["cron"])


def test_ci_runs_the_command_of_the_readme_and_nothing_cleverer():
    run = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    assert run.rstrip().endswith("\nmake test")
    assert os.access(ROOT / ".ci" / "run", os.X_OK) or os.name == "nt"
    commands = [step["run"] for step in WORKFLOW["jobs"]["test"]["steps"] if "run" in step]
    assert commands == ["bash .ci/run", ".venv/bin/python tools/build.py"]  # the second for its address only
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf8")


def test_only_main_is_published_and_only_the_publishers_may_write():
    publish = WORKFLOW["jobs"]["publish"]
    assert "refs/heads/main" in publish["if"]
    assert publish["needs"] == ["test", "notebooks"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    writing = {name for name, job in WORKFLOW["jobs"].items() if "write" in job["permissions"].values()}
    assert writing == {"publish", "notebooks"}


def test_colab_s_buttons_name_the_branch_that_is_pushed():
    notebooks = WORKFLOW["jobs"]["notebooks"]
    assert notebooks["if"] == WORKFLOW["jobs"]["publish"]["if"]
    assert notebooks["permissions"] == {"contents": "write", "pages": "read"}
    (build,) = [s for s in WORKFLOW["jobs"]["test"]["steps"] if s.get("run", "").endswith("tools/build.py")]
    branch = build["env"]["LSTMLAB_NOTEBOOKS_BRANCH"]
    assert notebooks["steps"][-1]["run"].endswith(f':refs/heads/{branch}"\n')
