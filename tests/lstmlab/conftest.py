"""On the strict array library finite differences look at a few entries of each argument: see cases.FEW."""

import functools

import pytest
from cases import FEW, STRICT

import lstmlab as ll


@pytest.fixture(autouse=STRICT, scope="session")
def few_entries():
    """Give gradcheck another default."""
    whole = ll.gradcheck

    @functools.wraps(whole)
    def few(f, args, **options):
        return whole(f, args, **{"max_entries": FEW, **options})

    ll.gradcheck = few
    yield
    ll.gradcheck = whole
