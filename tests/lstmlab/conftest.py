"""On the strict array library finite differences look at a few entries of each argument: see cases.FEW."""

import functools
import re

import pytest
from cases import FEW, STRICT

import lstmlab as ll

#: Tests that go through the same lines thousands of times, which counting them makes twice as slow. The
#: other tests go through them too: what the report says is covered without these is covered.
AGAIN_AND_AGAIN = re.compile(
    r"test_(\w*finite_differences|gradients(?!_that)|the_default_weights|\w*_lear(n|ns|nt)_|the_table_is)"
)


def pytest_collection_modifyitems(config, items):
    for item in items if config.pluginmanager.has_plugin("pytest_cov") else ():
        if AGAIN_AND_AGAIN.match(item.name):
            item.add_marker("no_cover")


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
