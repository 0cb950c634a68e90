"""Sequence to sequence: four witnesses for the model, and decoding against enumeration."""

import itertools

import numpy as np
import pytest
from cases import examples, noisy
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from models_sequences import check_gradients
from models_series import SEQ2SEQ, START, attention_of, compare, packed, translation, translator
from oracle import FROZEN, frozen

import lstmlab as ll
from lstmlab.cells.gru import GRU
from lstmlab.data import ISO_SYMBOLS, all_days, date_batch
from lstmlab.functions import log_softmax
from lstmlab.layers import AdditiveAttention, DotAttention
from lstmlab.models.decoding import beam_search, exact_match, greedy
from lstmlab.models.seq2seq import Seq2Seq
from lstmlab.models.seq2seq_batches import Seq2SeqBatch, shifted
from lstmlab.optim import Adam
from lstmlab.training import fit

QUICK = settings(max_examples=examples(8), deadline=None)
LOOKING = [case for case, (kind, _, _) in SEQ2SEQ.items() if kind]


def texts(n, steps, end):
    """Every text of up to ``steps`` symbols, those cut off among them."""
    for length in range(1, steps + 1):
        for text in itertools.product(range(n), repeat=length):
            if end not in text[:-1] and (text[-1] == end or length == steps):
                yield text


def log_p_of(model, x, text, lengths=None):
    """Logarithm of a text's probability, by teacher forcing."""
    T = len(text)
    batch = Seq2SeqBatch(x, np.array(text)[:, None], lengths)
    return -T * model.loss(batch)


# --- the four witnesses --------------------------------------------------------------------------


@pytest.mark.equation("eq-encoder", "eq-decoder-step", "eq-decoder-readout")
@pytest.mark.equation("eq-teacher-forcing", "eq-look-after", "eq-look-before")
@pytest.mark.parametrize("case", SEQ2SEQ)
def test_loss_weights_and_every_gradient_equal_the_frozen_ones(case):
    compare(ll, "seq2seq", case, frozen("seq2seq")[case])


@pytest.mark.parametrize("case", ["alone", "luong", "bahdanau"])
def test_live(case, monkeypatch):
    pytest.importorskip("jax", reason="the live comparison needs jax; the frozen one has run")
    monkeypatch.syspath_prepend(str(FROZEN))
    make = __import__("make_seq2seq_forecaster")
    compare(ll, "seq2seq", case, packed(make.record("seq2seq", case, 77)))


@pytest.mark.equation("eq-look-after-back", "eq-look-before-back")
@pytest.mark.equation("eq-bridge-back", "eq-encoder-back")
@pytest.mark.parametrize("case", SEQ2SEQ)
def test_gradients_agree_with_finite_differences(case):
    check_gradients(ll, translator(ll, case, n_h=2), translation(S=3, T=2), max_entries=2)


@pytest.mark.parametrize("case", ["luong", "bahdanau"])
def test_gradients_with_noise_depth_and_other_cells(case):
    model = translator(ll, case, n_h=2, wrap=noisy)
    check_gradients(ll, model, translation(S=3, T=2), max_entries=1)


def test_gradients_through_a_bridge_of_stacks():
    encoder = ll.stack([ll.bidirectional(ll.LSTM(2, 1), GRU(2, 1, rng=1)), ll.LSTM(2, 3, rng=2)])
    decoder = ll.stack([ll.LSTM(2, 2, rng=3), GRU(2, 3, rng=4)])
    model = Seq2Seq(encoder, decoder, 4, 5, attention=DotAttention(scaled=True), start=0)
    assert model.bridge.sources == {
        "h_1": ["h_forward_1", "h_backward_1", "h"],
        "C_1": ["C_forward_1", "C"],
        "h": ["h"],
    }
    assert set(model.bridge.linear) == {"h_1", "C_1"}
    check_gradients(ll, model, translation(S=3, T=2), max_entries=1)


def test_an_encoder_without_a_cell_state_gives_its_hidden_state_for_both():
    model = Seq2Seq(ll.RNN(2, 3), ll.LSTM(2, 3), 4, 5, start=0)
    assert model.bridge.sources == {"h": ["h"], "C": ["h"]}
    assert set(model.bridge.linear) == {"C"}
    check_gradients(ll, model, translation(S=3, T=2), max_entries=1)


@pytest.mark.parametrize("looks", ["before", "after"])
def test_every_matrix_the_model_adds_is_drawn_with_its_seed(looks):
    encoder, decoder = ll.bidirectional(ll.LSTM(2, 3), ll.LSTM(2, 3)), ll.LSTM(9, 6)
    one, same_seed, two = (
        Seq2Seq(encoder, decoder, 4, 5, start=0, attention=DotAttention(), looks=looks, rng=seed).params
        for seed in (1, 1, 2)
    )
    added = [n for n in one if n.partition(".")[0] not in ("encoder", "decoder") and one[n].ndim == 2]
    assert len(added) >= 5
    for name in added:
        assert bool(ll.xp.all(one[name] == same_seed[name])), name
        assert bool(ll.xp.any(one[name] != two[name])), name


def test_encoder_and_decoder_may_be_one_cell():
    cell = ll.LSTM(2, 3)
    model = Seq2Seq(cell, cell, 4, 5, attention=DotAttention(), start=0)
    assert not any(name.startswith("decoder") for name in model.params)
    check_gradients(ll, model, translation(S=3, T=2), max_entries=2)


# --- encoder, bridge, teacher forcing ------------------------------------------------------------


def test_the_decoder_starts_where_the_encoder_ends():
    model, batch = translator(ll, "alone"), translation()
    encoded = model.encode(batch.x, batch.x_lengths)
    assert not model.bridge.linear
    for name in ("h", "C"):
        stack = ll.to_numpy(getattr(encoded.run.trace, name))
        got = ll.to_numpy(getattr(encoded.state, name))
        for b, n in enumerate(batch.x_lengths):
            np.testing.assert_array_equal(got[b], stack[n - 1, b])


@pytest.mark.equation("eq-bridge")
def test_the_bridge_of_two_directions_by_hand():
    model, batch = translator(ll, "bridged"), translation()
    encoded = model.encode(batch.x, batch.x_lengths)
    for name in ("h", "C"):
        ends = [ll.to_numpy(getattr(encoded.run.state, f"{name}_{way}")) for way in ("forward", "backward")]
        W, b = (ll.to_numpy(model.params[f"bridge.{name}.{p}"]) for p in "Wb")
        want = np.concatenate(ends, axis=1) @ W.T + b
        np.testing.assert_allclose(ll.to_numpy(getattr(encoded.state, name)), want, atol=1e-15)


def test_a_decoder_draws_its_own_masks():
    model = Seq2Seq(noisy(ll.LSTM(2, 3)), noisy(ll.LSTM(2, 3, rng=1)), 4, 5, start=0)
    encoded = model.encode(translation().x, translation().x_lengths)
    assert set(model.bridge.sources) == {"h", "C"}
    assert set(np.unique(ll.to_numpy(encoded.state.m_x))) <= {0.0, 1 / 0.7}


@pytest.mark.equation("eq-shifted")
def test_the_target_is_shifted_by_one():
    y = ll.xp.asarray([[1, 2], [3, 0], [2, 2]])
    assert ll.to_numpy(shifted(y, 4)).tolist() == [[4, 4], [1, 2], [3, 0]]


@pytest.mark.parametrize("case", SEQ2SEQ)
def test_the_score_of_a_symbol_depends_on_those_before_it_alone(case):
    model, batch = translator(ll, case), translation(lengths=False)
    logits = ll.to_numpy(model.forward(batch).decoded.logits)
    y = batch.y.copy()
    y[1] = (y[1] + 1) % 5
    other = ll.to_numpy(model.forward(batch._replace(y=y)).decoded.logits)
    np.testing.assert_array_equal(other[:2], logits[:2])
    assert np.abs(other[2] - logits[2]).min() > 0.0


@pytest.mark.parametrize("case", SEQ2SEQ)
@drawn(seed=st.integers(0, 2**31))
@QUICK
def test_members_of_a_batch_do_not_meet_and_padding_is_not_read(case, seed):
    model, batch = translator(ll, case, rng=seed), translation(seed)
    together, alone = 0.0, 0.0
    for b, (m, n) in enumerate(zip(batch.x_lengths, batch.y_lengths, strict=True)):
        alone += n * model.loss((batch.x[:m, b : b + 1], batch.y[:n, b : b + 1]))
    together = sum(batch.y_lengths) * model.loss(batch)
    assert together == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("case", LOOKING)
def test_weights_sum_to_one_and_are_zero_on_padding(case):
    batch = translation()
    weights = ll.to_numpy(translator(ll, case).attention_weights(batch))
    assert weights.shape == (3, 3, 4)
    np.testing.assert_allclose(weights.sum(axis=2), 1.0, rtol=1e-14)
    for b, n in enumerate(batch.x_lengths):
        assert (weights[b, :, n:] == 0.0).all()
        assert (weights[b, :, :n] > 0.0).all()


def test_without_attention_there_are_no_weights():
    model = translator(ll, "alone")
    assert model.attention_weights(translation()) is None
    assert greedy(model, translation().x[:, :1], 2, [4]).weights is None


def test_who_looks_when():
    """Of two decoders alike but for the moment, one asks with s_{t-1} and one with s_t."""
    batch = translation(lengths=False)
    for case, steps in (("luong", slice(1, None)), ("dot before", slice(None, -1))):
        model = translator(ll, case)
        done = model.forward(batch)
        H = ll.to_numpy(done.encoded.memory.h)
        walked = done.decoded.walked
        if case == "luong":
            s = [ll.to_numpy(done.encoded.state.h), *ll.to_numpy(walked.run.h)]
        else:
            s = [ll.to_numpy(done.encoded.state.h), *(ll.to_numpy(step.h) for step in walked.cell)]
        e = np.einsum("tbn,sbn->bts", np.stack(s)[steps], H)
        alpha = np.exp(e) / np.exp(e).sum(axis=2, keepdims=True)
        np.testing.assert_allclose(ll.to_numpy(done.decoded.weights), alpha, rtol=1e-12)


def test_the_default_moment_is_that_of_the_papers():
    def looks(attention, n_x):
        return type(
            Seq2Seq(ll.LSTM(2, 3), ll.LSTM(n_x, 3), 4, 5, attention=attention, start=0).decoder
        ).__name__

    assert looks(DotAttention(), 2) == "LooksAfter"
    assert looks(AdditiveAttention(3, 3, 2), 5) == "LooksBefore"


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.equation("eq-greedy")
@pytest.mark.parametrize("case", SEQ2SEQ)
def test_teacher_forcing_on_what_was_written_gives_the_same_scores(case):
    model, batch = translator(ll, case), translation()
    written = greedy(model, batch.x, 4, batch.x_lengths)
    assert ll.to_numpy(written.tokens).shape == (4, 3)
    with model.evaluation():
        done = model.forward((batch.x, written.tokens, batch.x_lengths))
    logits = done.decoded.logits
    np.testing.assert_array_equal(ll.to_numpy(ll.xp.argmax(logits, axis=-1)), ll.to_numpy(written.tokens))
    best = ll.to_numpy(log_softmax(logits)).max(axis=2).sum(axis=0)
    np.testing.assert_allclose(written.log_p, best, rtol=1e-13)
    if done.decoded.weights is not None:
        np.testing.assert_allclose(
            ll.to_numpy(written.weights), ll.to_numpy(done.decoded.weights), atol=1e-15
        )


def test_a_text_ends_at_its_end_symbol():
    for seed in range(20):
        model, x = translator(ll, "alone", rng=seed, end=0), translation(seed).x[:1]
        free = translator(ll, "alone", rng=seed)
        written, on = greedy(model, x, 6), greedy(free, x, 6)
        tokens, without = ll.to_numpy(written.tokens), ll.to_numpy(on.tokens)
        for b, n in enumerate(written.lengths):
            np.testing.assert_array_equal(tokens[:n, b], without[:n, b])
            assert (tokens[n:, b] == 0).all()
            assert 0 not in tokens[: n - 1, b]
            assert n == 6 or tokens[n - 1, b] == 0
            log_p = log_p_of(model, x[:, b : b + 1], tokens[:n, b])
            assert written.log_p[b] == pytest.approx(log_p, rel=1e-12)
        if len(set(written.lengths)) > 1:
            return
    pytest.fail("no seed gave texts of different lengths")


@pytest.mark.parametrize("case", SEQ2SEQ)
@pytest.mark.parametrize("end", [None, 0])
def test_a_beam_of_one_is_greedy(case, end):
    model, batch = translator(ll, case, end=end), translation()
    written = greedy(model, batch.x, 4, batch.x_lengths)
    found = beam_search(model, batch.x, 4, 1, batch.x_lengths, length_power=0.7)
    for b, (only,) in enumerate(found):
        n = int(written.lengths[b])
        assert list(only.tokens) == ll.to_numpy(written.tokens)[:n, b].tolist()
        assert only.log_p == pytest.approx(written.log_p[b], rel=1e-12)
        assert only.score == pytest.approx(only.log_p / n**0.7, rel=1e-12)
        if only.weights is not None:
            np.testing.assert_allclose(only.weights, ll.to_numpy(written.weights)[b, :n], atol=1e-15)


@pytest.mark.parametrize("case", ["luong", "bahdanau"])
@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_wide_beam_finds_every_text_in_order(case, power):
    model = translator(ll, case, n_target=3, start=2, end=0, rng=3)
    for name in model.params:
        model.params[name][...] = 2.0 * model.params[name]
    x, all_texts = translation().x[:, :1], list(texts(3, 3, 0))
    (found,) = beam_search(model, x, 3, 100, length_power=power)
    log_p = {text: log_p_of(model, x, text) for text in all_texts}
    assert sum(np.exp(list(log_p.values()))) == pytest.approx(1.0, rel=1e-12)
    want = sorted(all_texts, key=lambda text: -log_p[text] / len(text) ** power)
    assert [h.tokens for h in found] == want
    np.testing.assert_allclose([h.log_p for h in found], [log_p[text] for text in want], rtol=1e-11)
    np.testing.assert_allclose(
        [h.score for h in found], [log_p[t] / len(t) ** power for t in want], rtol=1e-11
    )


@pytest.mark.equation("eq-beam", "eq-length-score")
@drawn(seed=st.integers(0, 2**31), width=st.integers(1, 4), power=st.sampled_from([0.0, 1.0]))
@QUICK
def test_a_narrow_beam_gives_true_scores_and_stops_for_good_reason(seed, width, power):
    """Reference: a beam without early stopping, each beginning scored anew."""
    model = translator(ll, "dot before", n_target=3, n_h=2, start=2, end=0, rng=seed)
    x, steps = translation(seed).x[:, :1] % 4, 4
    live, ended = [()], []
    for n in range(1, steps + 1):
        grown = [(*text, k) for text in live for k in range(3)]
        kept = sorted(grown, key=lambda text: -log_p_of(model, x, text))[:width]
        ended += [text for text in kept if text[-1] == 0 or n == steps]
        live = [text for text in kept if text[-1] != 0]
    want = sorted(ended, key=lambda text: -log_p_of(model, x, text) / len(text) ** power)[:width]
    (found,) = beam_search(model, x, steps, width, length_power=power)
    assert [h.tokens for h in found] == want
    assert [h.log_p for h in found] == pytest.approx([log_p_of(model, x, t) for t in want], rel=1e-11)


@pytest.mark.equation("eq-exact-match")
def test_exact_match_counts_whole_texts():
    y = np.array([[1, 2, 3, 0], [1, 2, 3, 0]])
    tokens = np.array([[1, 2, 3, 1], [1, 0, 3, 0], [9, 9, 9, 9]])
    assert exact_match(tokens, y) == 0.5
    assert exact_match(tokens, y, [2, 1, 2, 2]) == 0.75
    with pytest.raises(ValueError, match=r"tokens: expected at least \(2, 4\) symbols, got \(1, 4\)"):
        exact_match(tokens[:1], y)


# --- noise, types, errors, learning --------------------------------------------------------------


@pytest.mark.parametrize("case", ["luong", "bahdanau"])
def test_writing_is_without_noise_and_puts_it_back(case):
    model, batch = translator(ll, case, wrap=noisy), translation()
    losses = [model.loss_and_gradient(batch)[0] for _ in range(2)]
    assert losses[0] != losses[1]
    before = model.training_state()
    first = [model.loss(batch), model.accuracy(batch), model.predict(batch.x, 3, batch.x_lengths)]
    found, again = (beam_search(model, batch.x, 3, 2, batch.x_lengths) for _ in range(2))
    assert [[h[:3] for h in one] for one in found] == [[h[:3] for h in one] for one in again]
    assert model.loss(batch) == first[0]
    np.testing.assert_array_equal(
        ll.to_numpy(model.predict(batch.x, 3, batch.x_lengths)), ll.to_numpy(first[2])
    )
    cells = [*model.encoder.parts.values(), model.parts["decoder"]]
    assert all(c.training and c.cell.training for c in cells)
    assert before == model.training_state()
    model.load_training_state(before)
    again = model.loss_and_gradient(batch)[0]
    model.load_training_state(before)
    assert model.loss_and_gradient(batch)[0] == again


@pytest.mark.parametrize("case", SEQ2SEQ)
def test_float32_stays_float32(case):
    model, batch = translator(ll, case, dtype="float32"), translation()
    done = model.forward(batch)
    grads = model.loss_and_gradient(batch)[1]
    arrays = [done.decoded.logits, *done.decoded.state, *grads.values()]
    assert {str(a.dtype).rpartition(".")[2] for a in arrays} == {"float32"}
    wide = translator(ll, case)
    for name in wide.params:
        wide.params[name] = ll.to_numpy(model.params[name]).astype("float64")
    assert done.loss == pytest.approx(wide.loss(batch), rel=1e-5)


def test_written_dates_fit_as_they_are():
    batch = date_batch(all_days()[:50], 3, rng=0)
    model = Seq2Seq(ll.LSTM(2, 3), ll.LSTM(2, 3), 70, len(ISO_SYMBOLS), start=ISO_SYMBOLS.index["^"])
    assert model.loss(batch) == model.loss((batch.x, batch.y))
    right = date_batch(all_days()[:50], 3, rng=0, side="right")
    cut = [Seq2SeqBatch(right.x[:n, b : b + 1], right.y[:, b : b + 1]) for b, n in enumerate(right.lengths)]
    assert model.loss((right.x, right.y, right.lengths)) == pytest.approx(
        np.mean([model.loss(c) for c in cut])
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"decoder": ll.bidirectional(ll.LSTM(2, 2), ll.LSTM(2, 1))},
            TypeError,
            "decoder: expected a cell that reads",
        ),
        ({"encoder": ll.LSTM}, TypeError, "cell: expected a cell such as"),
        (
            {"decoder": ll.LSTM(2, 3, dtype="float32")},
            ValueError,
            "decoder: expected dtype float64, the encoder's",
        ),
        ({"start": 5}, ValueError, "start: expected the number of a symbol, from 0 to 4, got 5"),
        ({"end": True}, ValueError, "end: expected the number of a symbol"),
        ({"looks": "before"}, ValueError, "looks: expected None without attention, got 'before'"),
        (
            {"attention": DotAttention(), "looks": "up"},
            ValueError,
            "looks: expected 'before', 'after' or None",
        ),
        ({"attention": "dot"}, TypeError, "attention: expected None, DotAttention or AdditiveAttention"),
        ({"attention": DotAttention(dtype="float32")}, ValueError, "attention: expected dtype float64"),
        (
            {"attention": AdditiveAttention(2, 3, 2)},
            ValueError,
            "attention: expected one for queries of width 3",
        ),
        ({"attention": AdditiveAttention(3, 3, 2)}, ValueError, "decoder: expected n_x above 3"),
        (
            {"attention": DotAttention(), "encoder": ll.LSTM(2, 4)},
            ValueError,
            "attention: expected one for queries",
        ),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    options = {
        "encoder": ll.LSTM(2, 3),
        "decoder": ll.LSTM(2, 3),
        "n_source": 4,
        "n_target": 5,
        "start": START,
    }
    with pytest.raises(error, match=message):
        Seq2Seq(**(options | change))


def test_bad_batches_are_named():
    model, batch = translator(ll, "luong"), translation()
    for change, error, message in (
        ({"x": batch.x[0]}, ValueError, r"x: expected symbols of shape \(T, B\)"),
        ({"y": batch.y[:1, :2], "y_lengths": None}, ValueError, "y: expected 3 sequences, as x has, got 2"),
        ({"y": 0 * batch.y + 5}, ValueError, "y: expected whole numbers from 0 to 4"),
        ({"x_lengths": [0, 1, 2]}, ValueError, "lengths: expected 3 whole numbers from 1 to T = 4"),
        ({"x": 1.0 * batch.x}, TypeError, "x: expected an array of whole numbers"),
    ):
        with pytest.raises(error, match=message):
            model.loss(batch._replace(**change))
    with pytest.raises(TypeError, match="batch: expected a Seq2SeqBatch"):
        model.loss((batch.x,))
    with pytest.raises(ValueError, match="width: expected a positive whole number"):
        beam_search(model, batch.x[:1] % 4, 2, 0)
    with pytest.raises(ValueError, match="length_power: expected a number from zero"):
        beam_search(model, batch.x[:1] % 4, 2, 1, length_power=-1)


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_three_symbols_are_learnt_backwards(kind):
    n, n_h = 4, 12
    decoder = ll.LSTM(4 if kind == "dot" else 4 + n_h, n_h, rng=1)
    attention = attention_of(kind, n_h, n_h, 8, rng=2)
    model = Seq2Seq(ll.LSTM(4, n_h), decoder, n, n + 1, attention=attention, start=n, rng=3)

    def batches(rng):
        while True:
            x = rng.integers(0, n, (3, 32))
            yield Seq2SeqBatch(x, x[::-1].copy())

    fit(model, batches, Adam(model.params, 0.02), steps=110, clip=5.0, progress=False)
    every = np.array(list(itertools.product(range(n), repeat=3))).T
    batch = Seq2SeqBatch(every, every[::-1].copy())
    assert model.accuracy(batch) > 0.95
    assert exact_match(model.predict(every, 3), every) < 0.5
    looked = ll.to_numpy(model.attention_weights(batch)).mean(axis=0)
    assert looked.shape == (3, 3)
