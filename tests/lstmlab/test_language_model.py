"""Language models: gradients, PyTorch, the chain rule, carried states, and symbols drawn."""

import itertools
import math
import warnings
from functools import partial

import numpy as np
import pytest
from cases import CAUSAL, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from models_sequences import check_gradients, compare
from oracle import FROZEN, frozen, live

import lstmlab as ll
from lstmlab import xp
from lstmlab.data.languages import MarkovSource
from lstmlab.data.text import stateful_batches
from lstmlab.models import (
    LanguageBatch,
    LanguageModel,
    continued,
    draw_symbols,
    next_distribution,
    sentences,
)
from lstmlab.optim import Adam
from lstmlab.training import fit

QUICK = settings(max_examples=examples(12), deadline=None)
V = 4
CASES = [case for case in frozen("models_sequences") if case.startswith("language")]


def some(rng, T=5, B=3, lengths=None, carry=False):
    x, y = rng.integers(0, V, size=(2, T, B))
    return LanguageBatch(x, y, lengths, carry)


def make(kind="LSTM", n_h=3, seed=0, dtype="float64", loud=1.0, **options):
    """A model whose probabilities are far from even."""
    n_x = V if options.get("one_hot") else 3
    model = LanguageModel(CAUSAL[kind](n_x, n_h, rng=seed, dtype=dtype), V, rng=seed + 1, **options)
    rng = np.random.default_rng(seed)
    for name in model.params:
        values = loud * rng.normal(size=tuple(model.params[name].shape))
        model.params[name] = xp.asarray(values.astype(dtype))
    return model


def host(a):
    return np.asarray(ll.to_numpy(a))


# --- first witness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CAUSAL)
def test_gradients_agree_with_finite_differences(kind):
    batch = some(np.random.default_rng(0), T=3, B=2, lengths=[3, 2])
    check_gradients(ll, make(kind), batch, max_entries=2)


@pytest.mark.parametrize("options", [{}, {"one_hot": True}, {"tied": True}])
def test_every_parameter_agrees_with_finite_differences(options):
    model, rng = make(n_h=3 if "tied" in options else 2, **options), np.random.default_rng(1)
    model.forward(some(rng, T=2, B=2))
    check_gradients(ll, model, some(rng, T=2, B=2, carry=True), max_entries=4)


# --- second witness --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_equal_pytorch(case):
    compare(ll, case, frozen("models_sequences")[case])


@pytest.mark.parametrize("case", CASES)
def test_live(case, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    torch.manual_seed(7)
    compare(ll, case, live("models_sequences").record(case))


# --- probabilities ---------------------------------------------------------------------------------


@pytest.mark.equation("eq-chain-characters")
@pytest.mark.parametrize("kind", ["LSTM", "stack"])
def test_the_probabilities_of_all_strings_sum_to_one(kind):
    model, L = make(kind, seed=3, bos=0, eos=1), 4
    letters = [v for v in range(V) if v != 1]
    whole = [s for n in range(L) for s in itertools.product(letters, repeat=n)]
    longer = list(itertools.product(letters, repeat=L))
    ended = np.exp(host(model.log_probability(whole)))
    rest = np.exp(host(model.log_probability(longer, end=False)))
    assert ended.sum() + rest.sum() == pytest.approx(1.0, abs=1e-12)
    assert 0.05 < ended.sum() < 0.95  # or one of the two sums would be no test


@pytest.mark.equation("eq-chain-words", "eq-next-symbol")
def test_log_probability_by_hand():
    model = make(bos=0, eos=1)
    state, log_p = None, 0.0
    for read, comes in [(0, 2), (2, 3), (3, 1)]:
        logits, state = model.step(np.array([read]), state)
        a = host(logits)[0]
        log_p += a[comes] - np.log(np.exp(a).sum())
    got = host(model.log_probability([[3, 3, 3, 3], [2, 3]]))
    assert got[1] == pytest.approx(log_p, abs=1e-12)
    assert host(model.log_probability([[]], end=False)) == pytest.approx([0.0])


def test_the_loss_is_the_mean_of_log_probabilities():
    model = make(bos=0, eos=1)
    given = [[2, 3], [], [3, 2, 2]]
    log_p = host(model.log_probability(given)).sum()
    assert model.loss(sentences(given, bos=0, eos=1)) == pytest.approx(-log_p / 8, abs=1e-12)


@pytest.mark.equation("eq-bits-per-symbol", "eq-perplexity")
def test_bits_and_perplexity_count_each_symbol_once():
    model, rng = make(), np.random.default_rng(0)
    short, long = some(rng, T=2, B=1), some(rng, T=5, B=3, lengths=[5, 1, 2])
    nats = (2 * model.loss(short) + 8 * model.loss(long)) / 10
    assert model.nats([short, long]) == pytest.approx(nats, abs=1e-14)
    assert model.bits_per_symbol([short, long]) == pytest.approx(nats / math.log(2), abs=1e-14)
    assert model.perplexity(iter([short, long])) == pytest.approx(math.exp(nats), rel=1e-14)
    assert model.nats(short) == model.nats([short])
    assert abs(nats - (model.loss(short) + model.loss(long)) / 2) > 1e-3
    with pytest.raises(ValueError, match="batches: expected at least one"):
        model.nats([])


def test_accuracy_by_hand():
    model, batch = make(), some(np.random.default_rng(0), lengths=[5, 1, 2])
    counts = np.arange(5)[:, None] < np.array(batch.lengths)
    right = host(model.predict(batch.x, batch.lengths)) == batch.y
    assert model.accuracy(batch) == pytest.approx(right[counts].mean())
    assert 0.0 < right[counts].mean() != right.mean()
    with pytest.raises(ValueError, match=r"targets: expected shape \(5, 3\), got \(4, 3\)"):
        model.accuracy(batch._replace(y=batch.y[1:]))


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_alphabet():
    model = LanguageModel(ll.LSTM(3, 3), V)
    model.params["out.W"], model.params["out.b"] = 0.0, 0.0
    assert model.perplexity(some(np.random.default_rng(0))) == pytest.approx(V)


# --- time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "dtype"), [("LSTM", "float32"), *((kind, "float64") for kind in CAUSAL)])
def test_step_by_step_and_at_once_are_the_same(kind, dtype):
    model = make(kind, dtype=dtype)
    x = np.random.default_rng(0).integers(0, V, size=(6, 2))
    at_once, state = model.logits(x), None
    assert str(at_once.dtype).endswith(dtype)
    for t, symbols in enumerate(x):
        logits, state = model.step(symbols, state)
        np.testing.assert_allclose(host(logits), host(at_once)[t], rtol=0, atol=2e-6)


@QUICK
@given(cut=st.integers(1, 6), seed=st.integers(0, 1000))
def test_carried_chunks_are_one_long_run(cut, seed):
    model, rng = make(seed=seed), np.random.default_rng(seed)
    whole = some(rng, T=7, B=2)
    chunks = list(continued([(whole.x[:cut], whole.y[:cut]), (whole.x[cut:], whole.y[cut:])]))
    assert [c.carry for c in chunks] == [False, True]
    assert model.nats(chunks) == pytest.approx(model.loss(whole), abs=1e-13)
    losses = [model.loss_and_gradient(c)[0] for c in chunks]
    assert losses @ np.array([cut, 7 - cut]) / 7 == pytest.approx(model.loss(whole), abs=1e-13)


def test_a_batch_that_begins_anew_forgets_and_so_does_reset():
    model, rng = make(), np.random.default_rng(0)
    first, second = some(rng), some(rng, carry=True)
    anew = model.loss(second._replace(carry=False))
    model.reset()
    assert model.loss(second) == anew
    model.reset()
    model.loss(first)
    assert abs(model.loss(second) - anew) > 1e-4
    with pytest.raises(ValueError, match=r"state\.h: expected shape \(2, 3\), got \(3, 3\)"):
        model.loss(some(rng, B=2, carry=True))


def test_evaluation_does_not_disturb_the_state_of_the_training():
    model, rng = make(), np.random.default_rng(0)
    first, second, other = some(rng), some(rng, carry=True), some(rng)
    model.loss_and_gradient(first)
    wanted, _ = model.loss_and_gradient(second)
    model.loss_and_gradient(first)
    model.loss(other)
    assert model.loss_and_gradient(second)[0] == wanted


def test_the_gradient_stops_at_the_seam():
    """A carried state is a constant: the gradient is that of the same batch with the state given."""
    model, rng = make(), np.random.default_rng(0)
    first, second = some(rng), some(rng, carry=True)
    model.loss_and_gradient(first)
    state = model.carried["training"]
    _, grads = model.loss_and_gradient(second)
    done = model._forward(second.x, second.y, None, state)
    alone = model.params.zeros_like()
    model.backward(done, alone)
    np.testing.assert_array_equal(host(grads.vectors[1]), host(alone.vectors[1]))


def test_padding_is_neither_read_nor_counted():
    model = make()
    x, y = np.array([[1, 2], [3, 0], [2, 1]]), np.array([[3, 0], [2, 1], [1, 1]])
    both = model.loss(LanguageBatch(x, y, [3, 1]))
    one, other = (
        model.loss(LanguageBatch(x[:, :1], y[:, :1])),
        model.loss(LanguageBatch(x[:1, 1:], y[:1, 1:])),
    )
    assert both == pytest.approx((3 * one + other) / 4, abs=1e-14)
    x[1:, 1], y[1:, 1] = -1, 99
    assert model.loss(LanguageBatch(x, y, [3, 1])) == both
    assert model.loss_and_gradient(LanguageBatch(x, y, [3, 1]))[0] == both


@QUICK
@given(seed=st.integers(0, 1000))
def test_the_order_within_a_batch_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    model, batch = make(seed=seed), some(rng, lengths=rng.integers(1, 6, size=3))
    order = rng.permutation(3)
    moved = LanguageBatch(batch.x[:, order], batch.y[:, order], batch.lengths[order])
    (loss, grads), (loss2, grads2) = model.loss_and_gradient(batch), model.loss_and_gradient(moved)
    assert loss == pytest.approx(loss2, abs=1e-13)
    for g, g2 in zip(grads.vectors, grads2.vectors, strict=True):
        np.testing.assert_allclose(host(g), host(g2), atol=1e-13)


# --- noise -----------------------------------------------------------------------------------------


def test_noise_is_off_in_evaluation_and_put_back():
    quiet = ll.variational_dropout(ll.LSTM(3, 3), 0.5, 0.5)
    quiet.training = False
    loud = ll.variational_dropout(ll.LSTM(3, 3), 0.5, 0.5)
    model, batch = LanguageModel(ll.stack([loud, quiet]), V), some(np.random.default_rng(0))
    assert model.loss(batch) == model.loss(batch)
    assert (loud.training, quiet.training, model.training) == (True, False, True)
    assert model.loss_and_gradient(batch)[0] != model.loss_and_gradient(batch)[0]
    with pytest.raises(ValueError, match="x: expected"):
        model.loss(batch._replace(x=batch.x[0]))
    assert (loud.training, quiet.training, model.training) == (True, False, True)
    model.sample(3, prompt=[0])
    model.step([0])
    model.logits(batch.x)
    model.training = False
    assert loud.training is False
    assert model.loss_and_gradient(batch)[0] == model.loss(batch)


def test_a_training_goes_on_where_it_stopped():
    """Noise and carried states are kept: what follows is the same, bit by bit."""
    batch = some(np.random.default_rng(0))

    def begun():
        cell = ll.stack([ll.variational_dropout(ll.LSTM(3, 3), 0.5, 0.5), ll.zoneout(ll.LSTM(3, 3), 0.5)])
        return LanguageModel(cell, V)

    model, again = begun(), begun()
    model.loss_and_gradient(batch)
    state = model.training_state()
    wanted = [model.loss_and_gradient(batch._replace(carry=True))[0] for _ in range(3)]
    again.load_training_state(state)
    assert [again.loss_and_gradient(batch._replace(carry=True))[0] for _ in range(3)] == wanted


def test_fit_resumes_a_carried_training_exactly(tmp_path):
    ids = np.random.default_rng(0).integers(0, V, size=90)

    def learnt(*stops):
        for stop in stops:
            model = LanguageModel(ll.zoneout(ll.LSTM(3, 3), 0.3), V)
            history = fit(
                model,
                lambda rng: continued(stateful_batches(ids, 4, 3)),
                Adam(model.params, lr=0.01),
                steps=stop,
                every=1,
                checkpoint=tmp_path / f"{len(stops)}.npz",
                progress=False,
            )
        return model, history

    (model, history), (again, second) = learnt(12), learnt(5, 12)
    assert history.loss == second.loss
    for a, b in zip(model.params.vectors, again.params.vectors, strict=True):
        np.testing.assert_array_equal(host(a), host(b))


# --- sampling --------------------------------------------------------------------------------------


@pytest.mark.equation("eq-temperature")
def test_next_distribution_by_hand():
    a = np.log([[8.0, 1.0, 4.0, 2.0]])
    np.testing.assert_allclose(next_distribution(a), [[8 / 15, 1 / 15, 4 / 15, 2 / 15]], atol=1e-15)
    np.testing.assert_allclose(next_distribution(a, 0.5)[0] * 85, [64, 1, 16, 4], atol=1e-12)
    np.testing.assert_allclose(
        next_distribution(a, 2.0)[0, 0] / next_distribution(a, 2.0)[0, 1], math.sqrt(8)
    )
    np.testing.assert_allclose(next_distribution(a, top_k=2), [[2 / 3, 0.0, 1 / 3, 0.0]], atol=1e-15)
    assert next_distribution(a, 0.0).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert next_distribution(a, top_k=1).tolist() == [[1.0, 0.0, 0.0, 0.0]]
    assert next_distribution([[1.0, 1.0, 1.0]], top_k=2).tolist() == [[0.5, 0.5, 0.0]]
    single = np.array([[0.1, 0.7]], dtype=np.float32)
    assert np.array_equal(next_distribution(single), next_distribution(single.astype(np.float64)))
    assert next_distribution(single).dtype == np.float64
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the score of all but the first overflows, and nobody is told
        assert next_distribution([[9.0, 0.0]], 1e-308).tolist() == [[1.0, 0.0]]
    assert draw_symbols([[0, 1, 0], [1, 0, 0]], [0.0, 0.99]).tolist() == [1, 0]
    assert next_distribution([[0.0, 1.0, 1.0]], 0).tolist() == [[0.0, 1.0, 0.0]]


@pytest.mark.parametrize("temperature", [1e-3, 1e-300, 5e-324])
def test_a_temperature_near_zero_is_greedy(temperature):
    a = np.random.default_rng(0).normal(size=(5, 7))
    np.testing.assert_allclose(next_distribution(a, temperature), next_distribution(a, 0.0), atol=1e-12)


@pytest.mark.equation("eq-draw")
def test_draw_symbols_inverts_the_distribution():
    p = np.array([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    u = np.array([0.0, 0.2499, 0.25, 0.7499, 0.75, np.nextafter(1.0, 0.0)])
    assert draw_symbols(np.tile(p, (6, 1)), u).tolist() == [1, 1, 3, 3, 4, 4]
    tenths = np.append(np.full(10, 0.1), 0.0)  # their sum is below 1
    assert draw_symbols(tenths[None], [np.nextafter(1.0, 0.0)]).tolist() == [9]


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"temperature": 1e-9}, {"top_k": 1}])
def test_greedy_sampling_takes_the_likeliest(options):
    model, prompt = make(seed=5), np.array([[0, 1, 2], [2, 3, 1]])
    text = prompt
    for _ in range(5):
        text = np.vstack([text, host(model.predict(text))[-1:]])
    got = model.sample(5, 1, prompt=prompt, **options)
    np.testing.assert_array_equal(got, text[2:])


@pytest.mark.parametrize("options", [{}, {"temperature": 0.5}, {"temperature": 2.0}, {"top_k": 2}])
def test_frequencies_agree_with_the_probabilities(options):
    model, B = make(seed=2, loud=0.7), 4000
    first = [3, 1]
    drawn = model.sample(2, 0, prompt=np.tile(np.array(first)[:, None], (1, B)), **options)
    a = host(model.logits(np.array(first)[:, None]))[-1]
    tau, k = options.get("temperature", 1.0), options.get("top_k", V)
    p = np.exp(a[0] / tau) * (a[0] >= np.sort(a[0])[-k])
    p /= p.sum()
    counts = np.bincount(drawn[0], minlength=V)
    assert (np.abs(counts - B * p) <= 4.5 * np.sqrt(B * p * (1 - p)) + 1e-9).all()
    likeliest = int(p.argmax())
    after = drawn[1][drawn[0] == likeliest]
    q = next_distribution(
        host(model.logits(np.array([*first, likeliest])[:, None]))[-1], tau, options.get("top_k")
    )[0]
    error = np.abs(np.bincount(after, minlength=V) - len(after) * q)
    assert (error <= 4.5 * np.sqrt(len(after) * q * (1 - q)) + 1e-9).all()


def test_samples_depend_on_the_seed_alone():
    model = make(bos=0)
    assert model.sample(20, 3).tolist() == model.sample(20, np.random.default_rng(3)).tolist()
    assert model.sample(20, 3).tolist() != model.sample(20, 4).tolist()
    assert model.sample(20, 3).tolist() == model.sample(20, 3, prompt=[0]).tolist()
    assert model.sample(20, 3)[:5].tolist() == model.sample(5, 3).tolist()


RECORDED = [1, 1, 3, 1, 0, 1, 1, 0, 3, 0, 1, 1]


def test_the_same_draws_on_every_backend():
    """Numbers recorded on NumPy: the draws are made on the host."""
    assert make(bos=0).sample(12, 3).tolist() == RECORDED


def test_a_text_ends_with_its_end():
    model = make(seed=1, bos=0, eos=1)
    text = model.sample(30, 0, prompt=np.zeros((1, 20), dtype=int))
    assert (text == 1).any(axis=0).all()
    assert not (text == 1).all()
    ended = np.cumsum(text == 1, axis=0) > 0
    assert (text[ended] == 1).all()


# --- learning, on NumPy whatever the backend: a model computes where its cell lies -----------------


def test_it_learns_a_source_to_its_entropy_and_not_below():
    source = MarkovSource.random(V, 1, rng=0)
    ids, held_out = (source.sample(n, 1, rng=s)[:, 0] for n, s in ((4000, 1), (3000, 2)))
    model = LanguageModel(ll.LSTM(V, 8, xp=np), V, one_hot=True)
    fit(
        model,
        lambda rng: continued(stateful_batches(ids, 20, 10)),
        Adam(model.params, lr=0.02),
        steps=150,
        progress=False,
    )
    found = model.bits_per_symbol(continued(stateful_batches(held_out, 50, 6)))
    exact = source.bits(held_out[:, None])
    assert exact - 0.01 < found < exact + 0.06
    assert found < 0.75 * math.log2(V)


# --- arguments -------------------------------------------------------------------------------------


def test_what_cannot_be_a_language_model_is_refused():
    both = ll.bidirectional(ll.LSTM(3, 2), ll.LSTM(3, 2))
    with pytest.raises(TypeError, match="cell: expected a cell that reads in one direction"):
        LanguageModel(both, V)
    with pytest.raises(ValueError, match="n_tokens: expected 3, the cell's n_x, with one_hot=True, got 4"):
        LanguageModel(ll.LSTM(3, 3), V, one_hot=True)
    with pytest.raises(ValueError, match="tied: expected a learnt embedding and a cell with n_h = n_x"):
        LanguageModel(ll.LSTM(3, 2), V, tied=True)
    with pytest.raises(ValueError, match="eos: expected a symbol from 0 to 3, got 4"):
        LanguageModel(ll.LSTM(3, 2), V, eos=4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": -1.0}, "temperature: expected a finite number from 0, got -1.0"),
        ({"temperature": math.inf}, "temperature: expected a finite number from 0, got inf"),
        ({"top_k": 5}, "top_k: expected at most V = 4, got 5"),
        ({"top_k": 0}, "top_k: expected a positive whole number, got 0"),
        ({"prompt": []}, "prompt: expected symbols"),
        ({"prompt": None}, "prompt: expected symbols to begin with"),
        ({"prompt": [9]}, "tokens: expected whole numbers from 0 to 3, got 9 to 9"),
    ],
)
def test_bad_arguments_of_sampling(options, words):
    with pytest.raises(ValueError, match=words):
        make().sample(2, **{"prompt": [0], **options})


def test_bad_batches():
    model = make()
    with pytest.raises(TypeError, match=r"batch: expected a LanguageBatch\(x, y, lengths, carry\)"):
        model.loss((np.zeros((2, 2), dtype=int),))
    with pytest.raises(ValueError, match=r"x: expected symbols of shape \(T, B\)"):
        model.loss((np.zeros(2, dtype=int), np.zeros(2, dtype=int)))
    with pytest.raises(ValueError, match="bos, eos: expected a model with both, got None and None"):
        model.log_probability([[1]])


@pytest.mark.equation("eq-tied-scores", "eq-tied-gradient")
def test_tied_scores_and_gradient_are_those_of_two_equal_matrices():
    tied, apart = (LanguageModel(ll.LSTM(3, 3, rng=2), V, tied=option) for option in (True, False))
    apart.params["embedding.E"] = tied.params["embedding.E"]
    apart.params["out.W"] = tied.params["embedding.E"]
    batch = some(np.random.default_rng(3), T=3, B=2)
    same = partial(np.testing.assert_allclose, rtol=1e-13, atol=1e-15)
    same(host(tied.logits(batch.x)), host(apart.logits(batch.x)))
    (loss, one), (other, two) = (model.loss_and_gradient(batch) for model in (tied, apart))
    assert float(loss) == pytest.approx(float(other), rel=1e-14)
    same(host(one["embedding.E"]), host(two["embedding.E"]) + host(two["out.W"]))
    same(host(one["out.bias.b"]), host(two["out.b"]))


def test_tied_weights_are_one_memory():
    model = make(tied=True)
    assert "out.W" not in model.params
    assert model.n_params == V * 3 + 4 * 3 * 7 + V
    before = host(model.logits(np.array([[0]])))
    model.params["embedding.E"] = 2.0 * model.params["embedding.E"]
    W, b = host(model.params["embedding.E"]), host(model.params["out.bias.b"])
    h = np.linalg.lstsq(W, (host(model.logits(np.array([[0]])))[0, 0] - b), rcond=None)[0]
    np.testing.assert_allclose(W @ h + b, host(model.logits(np.array([[0]])))[0, 0], atol=1e-12)
    assert np.abs(host(model.logits(np.array([[0]]))) - before).max() > 0.1
    fresh = LanguageModel(ll.LSTM(400, 400), V, tied=True)
    assert np.abs(host(fresh.params["embedding.E"])).max() <= 0.05
    assert (
        LanguageModel(ll.LSTM(3, 3, dtype="float32"), V, tied=True).loss(some(np.random.default_rng(0))) > 0
    )
