"""Run the cells of one chapter on the strict library, in a fork of a process that has imported everything.

Neither a kernel nor a picture is made, and NumPy computes what a run does again and again
(:mod:`short_runs`): what must show, that each operation is accepted, needs none of it. :mod:`test_strict`
starts it.
"""

import ast
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import myst_nb
import scipy.special
import scipy.stats
from IPython.core.interactiveshell import InteractiveShell
from quick_strict import quicken
from traitlets.config import Config

quicken()  # first: lstmlab takes the library's functions when it is imported

from short_runs import shorten  # noqa: E402

import lstmlab  # noqa: E402
from lstmlab.training_loop import Training  # noqa: E402

shorten()

IMPORTED = (myst_nb, scipy.special, scipy.stats)
#: The reader's own history of IPython is no business of a test; what is said is read without colours.
QUIET = Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})


class NoAsserts(ast.NodeTransformer):
    """Leave the assertions out: where a training is cut short, nothing has been learnt."""

    def visit_Assert(self, node: ast.Assert) -> ast.Pass:
        return ast.copy_location(ast.Pass(), node)


def cut_short(most: int) -> None:
    """Let a training stop after a few steps, and a gradient check look at two entries."""
    whole = Training.reason
    Training.reason = lambda self: "cut short" if self.done >= most else whole(self)
    lstmlab.gradcheck.__kwdefaults__["max_entries"] = 2


def started() -> tuple[Any, list[Any]]:
    """Return a shell without a kernel, and its notes of tracebacks, also of a value that cannot be shown."""
    shell: Any = InteractiveShell.instance(config=QUIET)
    show, raised = shell.showtraceback, []

    def note(*args: Any, **kwargs: Any) -> None:
        raised.append(args)
        show(*args, **kwargs)

    shell.showtraceback = note
    return shell, raised


def run(cells: list[str], folder: Path, most: int, asserts: bool, log: Path) -> None:
    """Run cells one after the other until one raises; what they say goes into ``log``."""
    library = type(lstmlab.xp.zeros(1)).__module__.partition(".")[0]
    os.chdir(folder)
    cut_short(most)
    plt.show = lambda *args, **kwargs: plt.close("all")
    with log.open("w", encoding="utf8") as said, redirect_stdout(said), redirect_stderr(said):
        if library != "array_api_strict":  # a fork of a process that somebody else has started
            print(f"the cells would run on {library}")
            sys.exit(1)
        shell, raised = started()
        if not asserts:
            shell.ast_transformers.append(NoAsserts())
        for source in cells:
            if not shell.run_cell(source).success or raised:
                print(f"in the cell\n\n{source}")
                sys.exit(1)
