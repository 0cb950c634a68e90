"""First witness: finite differences for every parameter, input and initial state of every cell."""

import numpy as np
import pytest
from cases import CELLS, examples, make_case, shapes
from hypothesis import given, settings

import lstmlab as ll
from lstmlab import xp


@pytest.mark.equation("eq-dh-total", "eq-stack-back", "eq-both-back")
@pytest.mark.parametrize("name", CELLS)
@given(shape=shapes())
@settings(max_examples=examples(12), deadline=None)
def test_every_gradient_agrees_with_finite_differences(name, shape):
    case = make_case(CELLS[name], **shape)
    report = case.check()
    if not report.ok:  # half the step leaves a sixteenth of a difference's error, and a mistake as it is
        report = case.check(eps=5e-4)
    assert set(report.errors) == {*case.cell.params, "x", *(f"{s}_0" for s in case.state._fields)}
    assert report.ok, str(report)
    assert report.worst < 1e-7


@pytest.mark.parametrize("name", CELLS)
def test_the_default_weights_and_zero_states_too(name):
    case = make_case(CELLS[name], T=6)
    case.cell = CELLS[name](2, 3, rng=3)
    f, args = ll.cell_loss(case.cell, case.x, case.cell.initial_state(2), case.dh)
    report = ll.gradcheck(f, args)
    assert report.ok, str(report)


def test_a_loss_on_the_final_state_alone_reaches_everything():
    case = make_case(T=5)
    f, args = ll.cell_loss(case.cell, case.x, case.state, 0.0 * case.dh, case.dstate)
    assert ll.gradcheck(f, args).ok
    assert np.abs(ll.to_numpy(f()[1]["x"][0, ...])).max() > 1e-8


@pytest.mark.parametrize("gate", ["f", "i", "C", "o"])
def test_each_gate_matters_to_the_loss(gate):
    back = make_case().back()
    assert float(xp.max(xp.abs(back.grads[f"W_{gate}"]))) > 1e-3
    assert float(xp.max(xp.abs(back.grads[f"b_{gate}"]))) > 1e-3
