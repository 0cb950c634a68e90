"""The areas of the package that have a list of mutants: every file ``mutants_<area>.py``."""

import importlib
from pathlib import Path

AREAS = {
    path.stem.removeprefix("mutants_"): importlib.import_module(path.stem)
    for path in sorted(Path(__file__).parent.glob("mutants_*.py"))
}
