"""Second witness: an independent implementation, frozen here and live where it is installed."""

from pathlib import Path

import numpy as np
import pytest
from pytorch import FROZEN, compare, frozen

import lstmlab as ll

GROUPS = [group for group in frozen() if group]


@pytest.mark.equation(
    *(
        "eq-forget-gate",
        "eq-input-gate",
        "eq-candidate",
        "eq-cell-state",
        "eq-output-gate",
        "eq-hidden-state",
    ),
    *("eq-do", "eq-dC", "eq-di", "eq-dC-tilde", "eq-df", "eq-dC-prev", "eq-delta-gate", "eq-delta-candidate"),
    *("eq-dz", "eq-dh-dx", "eq-dh-total", "eq-dW", "eq-db", "eq-rnn-step", "eq-rnn-delta"),
)
@pytest.mark.parametrize("group", GROUPS)
def test_outputs_and_every_gradient_equal_the_frozen_ones(group):
    compare(ll, group.partition("/")[0], frozen()[group])


def test_the_frozen_file_is_small_and_holds_both_layers():
    assert FROZEN.stat().st_size < 50_000
    assert {group.partition("/")[0] for group in GROUPS} == {"LSTM", "RNN"}


def test_the_gate_order_matters_to_the_comparison(monkeypatch):
    monkeypatch.setattr("pytorch.PYTORCH_ORDER", "fiCo")
    with pytest.raises(AssertionError, match="differs from PyTorch"):
        compare(ll, "LSTM", frozen()["LSTM/small"])


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
@pytest.mark.parametrize("seed", range(3))
def test_live(kind, seed, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "frozen"))
    record = __import__("make_pytorch").record
    torch.manual_seed(seed)
    T, B, n_x, n_h = np.random.default_rng(seed).integers(1, 6, size=4).tolist()
    compare(ll, kind, record(kind, T, B, n_x, n_h))
