"""Second witness: an independent implementation, frozen here and live where it is installed."""

import numpy as np
import pytest
from oracle import FROZEN, frozen
from pytorch import compare

import lstmlab as ll

GROUPS = [(file, group) for file in ("pytorch", "pytorch_layers") for group in frozen(file)]


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
@pytest.mark.parametrize(("file", "group"), GROUPS)
def test_outputs_and_every_gradient_equal_the_frozen_ones(file, group):
    compare(ll, group.partition("/")[0], frozen(file)[group])


def test_the_frozen_files_are_small_and_hold_both_layers():
    assert all((FROZEN / f"{file}.npz").stat().st_size < 80_000 for file, _ in GROUPS)
    assert {group.partition("/")[0] for _, group in GROUPS} == {"LSTM", "RNN"}


def test_the_gate_order_matters_to_the_comparison(monkeypatch):
    monkeypatch.setattr("pytorch.PYTORCH_ORDER", "fiCo")
    with pytest.raises(AssertionError, match="differs from PyTorch"):
        compare(ll, "LSTM", frozen()["LSTM/small"])


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 3}, {"num_layers": 2, "bidirectional": True}], ids=str
)
@pytest.mark.parametrize("seed", range(2))
def test_live(kind, options, seed, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    record = __import__("make_pytorch").record
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    T, B, n_x, n_h = rng.integers(1, 6, size=4).tolist()
    lengths = rng.integers(1, T + 1, size=B).tolist() if seed else None
    compare(ll, kind, record(kind, T, B, n_x, n_h, lengths, **options))
