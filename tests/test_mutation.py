"""The mechanical mutants: an edit gets to whoever uses the code, and the explained survivors exist."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
GROUPS = yaml.safe_load((ROOT / "tests/lstmlab/survivors.yml").read_text(encoding="utf8"))

#: An edit of a function, of a default and of a constant must reach whoever imported them already.
TRY = """
import graft
from pathlib import Path
from lstmlab import gradcheck, initialize
from lstmlab.gradcheck import finite_difference as imported
from lstmlab.kernels import choice, numpy_shared

def edit(name, old, new):
    text = Path(__import__("sys").modules[name].__file__).read_text(encoding="utf8")
    assert text.count(old) == 1, (name, old)
    graft.graft(name, text.replace(old, new), graft.functions())

edit("lstmlab.gradcheck", "8.0 * (plus - minus)", "9.0 * (plus - minus)")
assert imported([2.0, 1.0, -1.0, -2.0], 1.0) == 14.0 / 12.0
edit("lstmlab.gradcheck", "tol: float = 1e-7,", "tol: float = 2e-7,")
assert gradcheck.__kwdefaults__["tol"] == 2e-7
edit("lstmlab.kernels.choice", "WORTHWHILE = 2**18", "WORTHWHILE = 2**17")
assert choice.WORTHWHILE == 2**17
assert numpy_shared.worthwhile(1, 1, 0, 2**9) and not numpy_shared.worthwhile(1, 1, 0, 2**8)
"""


def test_an_edit_reaches_those_who_hold_the_old_code():
    command = [sys.executable, "-c", TRY]
    done = subprocess.run(command, cwd=ROOT / "tools", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_explained_survivors_have_a_reason_and_are_of_modules_that_exist():
    seen = set()
    for group in GROUPS:
        assert group["why"].endswith(".")
        for module, edits in group["mutants"].items():
            assert (ROOT / module).is_file(), module
            for old, new in edits:
                assert old != new
                assert (module, old, new) not in seen
                seen.add((module, old, new))
