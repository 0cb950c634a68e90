"""The famous mistakes of encoder-decoders, of their decoding, and of forecasts."""

from __future__ import annotations

import importlib

import numpy as np
from models_sequences import check_gradients
from models_series import compare, translation, translator
from mutants import Mutant
from oracle import frozen

SEQ2SEQ_MODULE, DECODERS = "lstmlab.models.seq2seq", "lstmlab.models.decoders"
BRIDGE, DECODING, FORECASTER = "lstmlab.models.bridge", "lstmlab.models.decoding", "lstmlab.models.forecaster"

MUTANTS = [
    # encoder and bridge
    Mutant(
        "decoder starts without the encoder's cell state",
        BRIDGE,
        'if kind(field) not in ("h", "C"):',
        'if kind(field) not in ("h",):',
        "h is handed on and C starts at zero",
    ),
    Mutant(
        "encoder walks on through the padding",
        SEQ2SEQ_MODULE,
        "run = unroll(self.encoder, e, lengths=lengths)",
        "run = unroll(self.encoder, e)",
        "the decoder starts from what padding left; invisible where all lengths are equal",
    ),
    Mutant(
        "attention reads padding",
        SEQ2SEQ_MODULE,
        "Memory(run.h, running)",
        "Memory(run.h, None)",
        "the states behind the end are zero, and yet they get weight",
    ),
    Mutant(
        "no gradient into the encoder's outputs",
        SEQ2SEQ_MODULE,
        "run.mask, dmemory, dlast, into)",
        "run.mask, 0.0 * dmemory, dlast, into)",
        "attention reads the encoder and does not teach it",
    ),
    Mutant(
        "no gradient into the encoder's last state",
        SEQ2SEQ_MODULE,
        "self.bridge.backward(dstate, encoded.bridged",
        "self.bridge.backward(type(dstate)(*(0.0 * d for d in dstate)), encoded.bridged",
        "the decoder's first state taken for a constant",
    ),
    Mutant(
        "bridge gives every direction the first one's gradient",
        BRIDGE,
        "                start = stop\n",
        "",
        "a concatenation undone without moving on",
    ),
    # teacher forcing
    Mutant(
        "target not shifted",
        "lstmlab.models.seq2seq_batches",
        "return xp.concat([xp.full_like(y[:1, ...], start), y[:-1, ...]], axis=0)",
        "return y",
        "the decoder reads what it is to write; the loss falls to zero, and nothing is learnt",
    ),
    Mutant(
        "padding of the target counts",
        SEQ2SEQ_MODULE,
        "cross_entropy(decoded.logits, y, counts)",
        "cross_entropy(decoded.logits, y)",
        "the model learns to write zeros after the end",
    ),
    # attention
    Mutant(
        "context from the step before",
        DECODERS,
        "self.attention.forward(run.h, memory.h, memory.mask)",
        "self.attention.forward(\n"
        "            namespace(e).concat([state.h[None, ...], run.h[:-1, ...]]), memory.h, memory.mask\n"
        "        )",
        "Luong's decoder asks with Bahdanau's query",
    ),
    Mutant(
        "one query for all steps",
        DECODERS,
        "            s.append(state.h)\n",
        "            s.append(state.h)\n            state = state._replace(h=s[0])\n",
        "the hidden state is not carried on, the cell state is",
    ),
    Mutant(
        "no gradient through the query",
        DECODERS,
        "dstate = dstate._replace(h=dstate.h + dquery[0, ...])",
        "dstate = dstate._replace(h=dstate.h)",
        "where to look is never learnt by the decoder",
    ),
    Mutant(
        "no gradient through the query after the step",
        DECODERS,
        "trace.run, ds + dquery, grads)",
        "trace.run, ds, grads)",
        "the hidden state has two readers, and one is forgotten",
    ),
    Mutant(
        "only the first step teaches the encoder",
        DECODERS,
        "dmemory = dmemory + dread",
        "dmemory = dread",
        "= for +=",
    ),
    Mutant(
        "context and state change places",
        DECODERS,
        "dc, ds = djoined[:, :, : self.n_k], djoined[:, :, self.n_k :]",
        "ds, dc = djoined[:, :, : self.n_k], djoined[:, :, self.n_k :]",
        "invisible to the shapes where both have one width",
    ),
    # decoding
    Mutant(
        "beam of single steps",
        DECODING,
        "+ np.array([[h.log_p] for h in live])",
        "+ np.array([[0.0] for h in live])",
        "the likeliest last symbol instead of the likeliest text",
    ),
    Mutant(
        "states stay where they were",
        DECODING,
        "parents, live = [p for p, _ in going_on], [h for _, h in going_on]",
        "parents, live = [0 for p, _ in going_on], [h for _, h in going_on]",
        "the beam's texts are sorted anew, the decoder's states are not",
    ),
    Mutant(
        "beam stops at the first end",
        DECODING,
        "if len(ended) == width and ended[-1].score >= reach:",
        "if ended:",
        "the first text that ends is taken for the best",
    ),
    Mutant(
        "a mean over all steps",
        DECODING,
        "log_p / len(tokens) ** power",
        "log_p / (1 + len(tokens)) ** power",
        "the start symbol counted as if it had been written",
    ),
    Mutant(
        "writing goes on after the end",
        DECODING,
        "y_t = xp.where(ended[None, :], xp.full_like(y_t, model.end), y_t)",
        "pass",
        "and the probability of what follows counts",
    ),
    Mutant(
        "greedy with noise",
        DECODING,
        "with model.evaluation():\n        encoded = model.encode(x, lengths)\n        xp",
        "if True:\n        encoded = model.encode(x, lengths)\n        xp",
        "dropout left on",
    ),
    Mutant(
        "one right symbol is enough",
        DECODING,
        "return float(right.all(axis=0).mean())",
        "return float(right.mean())",
        "the share of symbols reported as the share of texts",
    ),
    # forecasts
    Mutant(
        "what comes from outside a step early",
        FORECASTER,
        "future[k - 1, ...]",
        "future[k, ...]",
        "z_{T+k} beside y_{T+k-1}: a value that is not known yet",
    ),
    Mutant(
        "forecast starts with the last value once more",
        FORECASTER,
        "if k > 0:\n                x_t = ",
        "if k >= 0:\n                x_t = ",
        "the last value is read twice",
    ),
    Mutant(
        "no gradient through what is fed back",
        FORECASTER,
        "dy_next = dx_t[:, : self.n_y] + (dy_t if self.residual else 0.0)",
        "dy_next = 0.0 * dx_t[:, : self.n_y] + (dy_t if self.residual else 0.0)",
        "a forecast that was read taken for a constant",
    ),
    Mutant(
        "no gradient past the sum",
        FORECASTER,
        "+ (dy_t if self.residual else 0.0)",
        "",
        "the short cut of a residual forecast, forgotten on the way back",
    ),
    Mutant(
        "every forecast added to the last known value",
        FORECASTER,
        "y_t = y_t + change if self.residual else change",
        "y_t = run.trace.x[-1, :, : self.n_y] + change if self.residual else change",
        "right for a direct forecast",
    ),
    Mutant(
        "steps and columns change places",
        FORECASTER,
        "xp.permute_dims(xp.reshape(flat, (B, self.horizon, self.n_y)), (1, 0, 2))",
        "xp.permute_dims(xp.reshape(flat, (B, self.n_y, self.horizon)), (2, 0, 1))",
        "a flat vector cut the other way; it trains, but the first half is not the first step",
    ),
]


def independent_implementation(ll):
    """Second witness."""
    for kind in ("seq2seq", "forecaster"):
        for case, arrays in frozen(kind).items():
            compare(ll, kind, case, arrays)


def gradients(ll):
    """First witness, where the independent implementation does not reach."""
    check_gradients(ll, translator(ll, "luong", n_h=2), translation(), max_entries=1)


def decoding(ll):
    """A wide beam finds the best text, a narrow one tells the truth, greedy ends where it says."""
    part = importlib.import_module("lstmlab.models.decoding")
    x = np.array([[1, 2, 0], [3, 0, 1]])
    for seed in range(3):
        model = translator(ll, "dot before", n_target=3, n_h=2, start=2, end=0, rng=seed)
        for name in model.params:
            model.params[name][...] = 3.0 * model.params[name]
        written = part.greedy(model, x, 4)
        for b, found in enumerate(part.beam_search(model, x, 4, 40, length_power=1.0)):
            assert len(found) == 31
            assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
            np.testing.assert_allclose(sum(np.exp(h.log_p) for h in found), 1.0, rtol=1e-12)
            for h in found[::5]:
                n = len(h.tokens)
                log_p = -n * model.loss((x[:, b : b + 1], np.array(h.tokens)[:, None]))
                np.testing.assert_allclose([h.log_p, h.score], [log_p, log_p / n], rtol=1e-10)
            n, tokens = int(written.lengths[b]), ll.to_numpy(written.tokens)[:, b]
            assert (tokens[n:] == 0).all()
            own = -n * model.loss((x[:, b : b + 1], tokens[:n, None]))
            np.testing.assert_allclose(written.log_p[b], own, rtol=1e-10)
    assert part.exact_match(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 0]])) == 0.5


def no_noise_in_what_is_written(ll):
    """The same twice."""
    part = importlib.import_module("lstmlab.models.decoding")

    def noisy(cell):
        return ll.variational_dropout(cell, 0.5, 0.5)

    model, batch = translator(ll, "alone", wrap=noisy), translation()
    found = [part.greedy(model, batch.x, 3, batch.x_lengths).log_p.tolist() for _ in range(2)]
    assert found[0] == found[1]


WITNESSES = [independent_implementation, no_noise_in_what_is_written, decoding, gradients]
