"""The table of witnesses says what a fresh run finds."""

import functools
import re

import pytest
from cases import CELLS, SINGLE
from witnesses import ORACLES, PAGE, equations, page, rows

import lstmlab as ll
from lstmlab import xp

NUMBER = re.compile(r"\b1e[+-]\d\d\b|\b0\b")


@functools.cache
def fresh():
    return rows()


@pytest.mark.skipif(xp is not ll.get_xp("numpy"), reason="the table compares the other libraries with NumPy")
def test_the_table_is_what_a_fresh_run_finds():
    stored, found = PAGE.read_text(encoding="utf8"), page(fresh())
    assert NUMBER.sub("#", stored) == NUMBER.sub("#", found), "run: python tests/lstmlab/witnesses.py"
    for shown, measured in zip(NUMBER.findall(stored), NUMBER.findall(found), strict=True):
        assert float(measured) <= max(100.0 * float(shown), 1e-14)


def test_every_cell_has_its_equations_and_an_independent_implementation():
    assert set(SINGLE) <= set(ORACLES) <= set(CELLS)
    for make in SINGLE.values():
        assert len(equations(make(3, 3))) >= 2


@pytest.mark.skipif(xp is not ll.get_xp("numpy"), reason="one array library is enough")
def test_every_witness_is_within_its_tolerance():
    for row in fresh():
        assert row.finite_differences < 1e-7, row
        assert row.strict < 1e-13, row
        for label, error in row.oracles:
            assert error < (1e-6 if "float32" in label else 1e-12), row
