"""Estimators of information, on cases whose truth is known."""

import math
from collections import Counter

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import lstmlab as ll
from lstmlab import xp

D = ll.diagnostics
N = 4000


def on_backend(values):
    return xp.asarray(np.asarray(values))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --- entropy -----------------------------------------------------------------------------------


@pytest.mark.equation("eq-entropy")
def test_entropy_by_hand():
    p = on_backend([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(ll.to_numpy(D.entropy(p)), [1.5, 0.0, math.log2(3)])
    np.testing.assert_allclose(ll.to_numpy(D.entropy(p.T, axis=0)), [1.5, 0.0, math.log2(3)])
    np.testing.assert_allclose(ll.to_numpy(D.entropy(p, base=math.e)), [1.5 * math.log(2), 0, math.log(3)])


@pytest.mark.equation("eq-miller-madow")
def test_the_entropy_of_samples_and_its_correction_by_hand():
    labels = on_backend([7, 7, 3, 5])
    assert D.label_entropy(labels, corrected=False) == pytest.approx(1.5)
    assert D.label_entropy(labels) == pytest.approx(1.5 + 2 / 8 / math.log(2))
    assert D.label_entropy(labels, base=math.e) == pytest.approx(1.5 * math.log(2) + 2 / 8)
    pairs = on_backend([[0, 1], [0, 1], [1, 0], [1, 1]])
    assert D.label_entropy(pairs, corrected=False) == pytest.approx(1.5)


def test_the_correction_brings_small_samples_nearer_to_the_truth(rng):
    samples = rng.integers(0, 8, size=(400, 30))
    plain, corrected = (np.mean([D.label_entropy(s, corrected=c) for s in samples]) for c in (False, True))
    assert plain < 3.0 - 0.1
    assert abs(corrected - 3.0) < 0.05


# --- mutual information ------------------------------------------------------------------------


@pytest.mark.equation("eq-mutual-information")
def test_mutual_information_by_hand():
    a, b = on_backend([0, 0, 1, 1]), on_backend([0, 1, 0, 1])
    assert D.mutual_information(a, b, corrected=False) == pytest.approx(0.0)
    assert D.mutual_information(a, a, corrected=False) == pytest.approx(1.0)
    assert D.mutual_information(a, b) == pytest.approx(-1 / 8 / math.log(2))
    assert D.mutual_information(a, b, base=math.e) == pytest.approx(-1 / 8)
    exclusive_or = D.mutual_information(on_backend([0, 1, 1, 0]), a, corrected=False)
    assert exclusive_or == pytest.approx(0.0)


@settings(max_examples=examples(12), deadline=None)
@given(seed=st.integers(0, 2**31), symbols=st.integers(2, 6))
def test_plug_in_information_equals_its_definition(seed, symbols):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, symbols, size=60)
    b = np.where(rng.random(60) < 0.5, a, rng.integers(0, symbols, size=60))
    pairs, p, q = Counter(zip(a.tolist(), b.tolist(), strict=True)), Counter(a.tolist()), Counter(b.tolist())
    want = sum(n / 60 * math.log2(60 * n / (p[u] * q[v])) for (u, v), n in pairs.items())
    found = D.mutual_information(on_backend(a), on_backend(b), corrected=False)
    assert found == pytest.approx(want, abs=1e-12)
    assert D.mutual_information(b, a, corrected=False) == pytest.approx(found, abs=1e-12)
    relabelled = rng.permutation(symbols)[a]
    assert D.mutual_information(relabelled, b) == pytest.approx(D.mutual_information(a, b), abs=1e-12)
    assert found >= -1e-12
    assert found <= D.label_entropy(a, corrected=False) + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_plug_in_information_equals_scikit_learns(seed):
    metrics = pytest.importorskip("sklearn.metrics", reason="compared with the definition above")
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 5, size=(2, 200))
    b = np.where(rng.random(200) < 0.3, a, b)
    found = D.mutual_information(on_backend(a), on_backend(b), corrected=False, base=math.e)
    assert found == pytest.approx(metrics.mutual_info_score(a, b), abs=1e-12)


def test_independent_numbers_tell_nothing_and_only_the_correction_says_so(rng):
    a, b = rng.integers(0, 16, size=(2, N))
    plain = D.mutual_information(a, b, corrected=False, base=math.e)
    assert plain == pytest.approx(15 * 15 / (2 * N), rel=0.25)
    assert abs(D.mutual_information(a, b, base=math.e)) < 0.006


@pytest.mark.equation("eq-shuffled-information")
@pytest.mark.parametrize("corrected", [True, False])
def test_shuffled_labels_show_the_bias_of_the_estimator(rng, corrected):
    a = rng.integers(0, 4, size=300)
    b = 4 * rng.integers(0, 3, size=300) + a  # b tells a
    none = D.shuffled_information(a, on_backend(b), shuffles=40, rng=1, corrected=corrected, base=math.e)
    assert none.shape == (40,)
    bias = 0.0 if corrected else 3 * 11 / 600
    assert none.mean() == pytest.approx(bias, abs=0.008)
    assert D.mutual_information(a, b, corrected=corrected, base=math.e) > 1.3 > 10 * none.max()
    again = D.shuffled_information(a, b, shuffles=40, rng=1, corrected=corrected, base=math.e)
    np.testing.assert_array_equal(none, again)
    assert len(set(none)) > 30
    same = [D.mutual_information(a, np.random.default_rng(5).permutation(b), corrected=corrected)]
    np.testing.assert_array_equal(D.shuffled_information(a, b, shuffles=1, rng=5, corrected=corrected), same)
    with pytest.raises(ValueError, match="shuffles: expected a positive whole number, got 0"):
        D.shuffled_information(a, b, shuffles=0)


def test_gaussian_information_is_reached_by_the_bins(rng):
    assert D.gaussian_information(0.0) == 0.0
    assert D.gaussian_information(math.sqrt(0.75)) == pytest.approx(1.0)
    assert D.gaussian_information(0.6, base=math.e) == pytest.approx(-0.5 * math.log(0.64))
    for rho in (0.4, 0.8):
        u, v = rng.normal(size=(2, 4 * N))
        a, b = (D.quantile_bins(on_backend(w), 16) for w in (u, rho * u + math.sqrt(1 - rho**2) * v))
        truth = D.gaussian_information(rho)
        assert truth - 0.06 < D.mutual_information(a, b) < truth + 0.02
    with pytest.raises(ValueError, match="rho: expected a correlation strictly between"):
        D.gaussian_information(1.0)


# --- bins --------------------------------------------------------------------------------------


def test_bins_hold_equally_many_and_keep_equal_numbers_together(rng):
    bins = D.quantile_bins(on_backend(rng.normal(size=1600)), 16)
    np.testing.assert_array_equal(np.bincount(bins), np.full(16, 100))
    copies = D.quantile_bins(on_backend(np.repeat([-1.0, 0.5, 2.0, 3.0], 10)), 16)
    assert len(set(copies.tolist())) == 4
    values = rng.normal(size=50)
    assert (np.diff(D.quantile_bins(values, 4)[values.argsort()]) >= 0).all()


# --- a symbol in a state -----------------------------------------------------------------------


def fading(rng, T=6, keep=0.5, noise=0.25):
    """Four symbols; unit 0 holds them exactly at first and fades into noise, unit 1 is noise alone."""
    symbols = rng.integers(0, 4, size=N)
    C = rng.normal(size=(T, N, 2))
    for t in range(T):
        C[t, :, 0] = keep**t * symbols + noise * (t > 0) * C[t, :, 0]
    return symbols, C


def test_information_about_a_symbol_fades_with_it(rng):
    symbols, C = fading(rng)
    units, best = D.symbol_information(on_backend(symbols), on_backend(C))
    entropy = D.label_entropy(symbols)
    assert units.shape == (6, 2)
    assert units[0, 0] == pytest.approx(entropy, abs=0.01)
    assert (np.diff(units[:, 0]) < 0.0).all()
    assert np.abs(units[:, 1]).max() < 0.02
    np.testing.assert_allclose(best[:3], units[:3, 0], atol=0.06)
    assert 0.1 < units[3, 0] < 1.0


def test_the_best_of_many_empty_units_is_still_empty(rng):
    symbols, C = rng.integers(0, 4, size=400), rng.normal(size=(3, 400, 40))
    units, best = D.symbol_information(symbols, C)
    assert units.max() > 0.05
    assert abs(best.mean()) < 0.05
    assert abs(units.mean()) < 0.02


@pytest.mark.equation("eq-symbol-information")
def test_each_time_is_taken_by_itself_over_the_sequences():
    """Two units that hold the symbol in turn: an average over time would blur both."""
    symbols = np.arange(64) % 4
    C = np.stack([np.stack([symbols, 0 * symbols], axis=1), np.stack([0 * symbols, -symbols], axis=1)])
    units, _ = D.symbol_information(on_backend(symbols), on_backend(C.astype("float64")), corrected=False)
    np.testing.assert_allclose(units, [[2.0, 0.0], [0.0, 2.0]])


def hold(b_f):
    """An LSTM that writes x into its cell while the second input is 1, and keeps it as b_f says."""
    cell = ll.LSTM(2, 1)
    for name in ("W_f", "W_i", "W_C", "W_o"):
        cell.params[name] = 0.0
    cell.params["W_i"], cell.params["b_i"] = [[0.0, 0.0, 60.0]], [-30.0]
    cell.params["W_C"], cell.params["b_f"] = [[0.0, 1.0, 0.0]], [b_f]
    return cell


@pytest.mark.parametrize(("b_f", "low", "high"), [(20.0, 1.99, 2.01), (-20.0, -0.05, 0.05)])
def test_a_cell_that_keeps_a_symbol_and_one_that_does_not(rng, b_f, low, high):
    B, T = 400, 12
    symbols = np.arange(B) % 4
    x = rng.normal(size=(T, B, 2))
    x[:, :, 1] = np.arange(T)[:, None] == 0
    x[0, :, 0] = symbols - 1.5
    run = ll.unroll(hold(b_f), xp.asarray(x))
    noisy = ll.to_numpy(run.trace.C) + 1e-4 * rng.normal(size=(T, B, 1))
    units, _ = D.symbol_information(symbols, noisy)
    assert low < units[-1, 0] < high
    assert units[0, 0] == pytest.approx(2.0, abs=0.01)


# --- a state and its own past ------------------------------------------------------------------


@pytest.mark.equation("eq-lagged-information")
def test_information_with_the_past_of_a_known_process(rng):
    phi, T = 0.9, 21
    C = np.empty((T, N, 1))
    C[0] = rng.normal(size=(N, 1))
    for t in range(1, T):
        C[t] = phi * C[t - 1] + math.sqrt(1 - phi**2) * rng.normal(size=(N, 1))
    truth = D.gaussian_information(phi**20, base=math.e)
    assert truth == pytest.approx(0.0074, abs=1e-4)
    far, near = (D.lagged_information(on_backend(C), k, base=math.e)[0] for k in (20, 1))
    assert far == pytest.approx(truth, abs=0.008)
    assert near == pytest.approx(D.gaussian_information(phi, base=math.e), abs=0.08)
    assert D.lagged_information(C, 20, corrected=False, base=math.e)[0] > 3.0 * truth


def test_a_map_without_noise_tells_only_how_fine_the_bins_are(rng):
    C = rng.normal(size=(1, N, 1))
    C = np.concatenate([C, np.tanh(C)])
    for bins in (4, 16):
        assert D.lagged_information(C, 1, bins=bins, corrected=False)[0] == pytest.approx(math.log2(bins))


# --- the decoder -------------------------------------------------------------------------------


def test_a_decoder_reads_what_is_linear_and_misses_what_is_not(rng):
    symbols = rng.integers(0, 2, size=N)
    linear = symbols[:, None] + 0.05 * rng.normal(size=(N, 2))
    signs = rng.choice([-1.0, 1.0], size=(N, 2))
    signs[:, 1] = signs[:, 0] * (2 * symbols - 1)
    accuracy = D.decoder_accuracy(on_backend(symbols), on_backend(np.stack([linear, signs])))
    assert accuracy[0] == 1.0
    assert accuracy[1] == pytest.approx(0.5, abs=0.05)


def test_a_decoder_is_judged_on_what_it_has_not_seen(rng):
    symbols, C = rng.integers(0, 2, size=80), rng.normal(size=(1, 80, 40))
    assert D.decoder_accuracy(symbols, C)[0] < 0.75
    assert D.decoder_accuracy(symbols, C, rng=1) == D.decoder_accuracy(symbols, C, rng=1)


@pytest.mark.equation("eq-decoder")
def test_the_decoder_equals_the_normal_equations(rng):
    symbols, X = rng.integers(0, 3, size=200), rng.normal(size=(200, 5))
    X[:, 0] += symbols
    X[:, 4] = 7.0
    X[:, :2] *= [1e-3, 100.0]  # each column has a scale of its own
    order = np.random.default_rng(3).permutation(200)
    fit, test = order[:120], order[120:]
    Z = (X - X[fit].mean(axis=0)) / np.array([*X[fit, :4].std(axis=0), 1.0])
    Y = np.eye(3)[symbols[fit]]
    A = np.concatenate([Z[fit], np.ones((120, 1))], axis=1)
    penalty = np.diag([0.5 * 120] * 5 + [0.0])
    W = np.linalg.solve(A.T @ A + penalty, A.T @ Y)
    guess = (Z[test] @ W[:5] + W[5]).argmax(axis=1)
    found = D.decoder_accuracy(symbols, X[None], ridge=0.5, train=0.6, rng=3)
    assert found == pytest.approx([(guess == symbols[test]).mean()])


def test_a_rare_symbol_needs_no_special_care():
    C = np.arange(20.0)[None, :, None]
    found = D.decoder_accuracy(np.array([5] + [9] * 19), C, rng=0)
    assert 0.8 <= found[0] <= 1.0


# --- refusals ----------------------------------------------------------------------------------


def test_refusals():
    C = np.zeros((2, 6, 1))
    with pytest.raises(TypeError, match="a: expected whole numbers, got float64"):
        D.mutual_information(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="b: expected as many labels as a"):
        D.mutual_information(np.zeros(3, dtype=int), np.zeros(4, dtype=int))
    with pytest.raises(ValueError, match="symbols: expected one for each of 6 sequences"):
        D.symbol_information(np.zeros(5, dtype=int), C)
    with pytest.raises(ValueError, match="k: expected a lag below the 2 steps, got 2"):
        D.lagged_information(C, 2)
    with pytest.raises(ValueError, match="train: expected a share"):
        D.decoder_accuracy(np.zeros(6, dtype=int), C, train=1.0)
    with pytest.raises(ValueError, match="ridge: expected zero or more"):
        D.decoder_accuracy(np.zeros(6, dtype=int), C, ridge=-1.0)
    with pytest.raises(ValueError, match="labels: expected shape"):
        D.label_entropy(np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match="C: expected finite values"):
        D.symbol_information(np.zeros(6, dtype=int), C * np.nan)
