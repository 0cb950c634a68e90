"""The toy exercise on which the grader is tried: two quick parts, the second needs the first."""

from pathlib import Path

import pytest
from handed_in import NAMES

from exercises.source import Exercise, find

TOY = Path(__file__).parent / "toy"


@pytest.fixture
def toy() -> Exercise:
    return find("90_toy", TOY)


@pytest.fixture(params=NAMES)
def exercise(request: pytest.FixtureRequest) -> Exercise:
    """Every exercise of the course, one after the other."""
    return find(request.param)
