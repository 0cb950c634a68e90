"""The famous mistakes in softmax, first values, layers, losses and optimisers."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from learning import cases, compare, frozen
from mutants import Mutant

FUNCTIONS, INITIALIZERS, INITIALIZE = "lstmlab.functions", "lstmlab.initializers", "lstmlab.initialize"
LINEAR, EMBEDDING = "lstmlab.layers.linear", "lstmlab.layers.embedding"
ATTENTION, SCORES, STREAMING = (f"lstmlab.layers.{name}" for name in ("attention", "scores", "streaming"))
LOSSES, OPTIM, CLIPPING = "lstmlab.losses", "lstmlab.optim", "lstmlab.clipping"

MUTANTS = [
    # softmax
    Mutant(
        "softmax without the shift",
        FUNCTIONS,
        "        return a - top",
        "        return a",
        "e^a/Σe^a as it is written: infinity over infinity for large scores",
    ),
    Mutant(
        "diagonal of the softmax's Jacobian only",
        FUNCTIONS,
        "return p * (dp - namespace(p).sum(p * dp, axis=axis, keepdims=True))",
        "return p * (1.0 - p) * dp",
        "σ(1-σ), as if each probability had its own score alone",
    ),
    Mutant(
        "softmax over the wrong axis",
        FUNCTIONS,
        "return e / xp.sum(e, axis=axis, keepdims=True)",
        "return e / xp.sum(e, axis=0, keepdims=True)",
        "a default axis",
    ),
    Mutant(
        "log-softmax's gradient without its probabilities",
        FUNCTIONS,
        "return dlog_p - xp.exp(log_p) * xp.sum(dlog_p, axis=axis, keepdims=True)",
        "return dlog_p - log_p * xp.sum(dlog_p, axis=axis, keepdims=True)",
        "log p for p",
    ),
    # first values
    Mutant(
        "standard deviation for variance",
        INITIALIZERS,
        "variance**0.5 * generator(rng)",
        "variance * generator(rng)",
        "N(0, 2/n) read by a function that takes the standard deviation",
    ),
    Mutant(
        "Glorot with one fan",
        INITIALIZERS,
        "return normal(rng, shape, 2.0 / sum(shape))",
        "return normal(rng, shape, 2.0 / shape[1])",
        "He's variance under Glorot's name",
    ),
    Mutant(
        "one Glorot for the whole width",
        INITIALIZE,
        "np.concatenate([glorot_normal(rng, n, n_h), glorot_normal(rng, n, n_x)], axis=1), None",
        "glorot_normal(rng, n, n_h + n_x), None",
        "two matrices that stand side by side taken for one",
    ),
    Mutant(
        "forget bias forgotten",
        INITIALIZE,
        'np.full(n, float(b == "b_f"))',
        "np.full(n, 0.0)",
        "all biases zero: half of the cell state lost at each step",
    ),
    Mutant(
        "chrono's input bias with the forget gate's sign",
        INITIALIZERS,
        "return b_f, -b_f",
        "return b_f, b_f",
        "a minus sign",
    ),
    # layers
    Mutant(
        "weight transposed in the backward pass",
        LINEAR,
        'grads["W"] += weight_gradient(columns(dy), columns(trace.x))',
        'grads["W"] += weight_gradient(columns(trace.x), columns(dy))',
        "x dyᵀ for dy xᵀ: no error where the layer is square",
    ),
    Mutant(
        "linear layer's gradient of the last step only",
        LINEAR,
        'grads["b"] += bias_gradient(columns(dy))',
        'grads["b"] += bias_gradient(columns(dy[-1:, ...]))',
        "the sum over time forgotten",
    ),
    Mutant(
        "embedding's gradient: the last place wins",
        EMBEDDING,
        'grads["E"] += weight_gradient(columns(e), columns(dy))',
        "rows, tokens = columns(dy).T, namespace(dy).reshape(trace.tokens, (-1,))\n"
        "        for place in range(tokens.shape[0]):\n"
        '            grads["E"][int(tokens[place]), :] = rows[place, :]',
        "dE[tokens] = dy: invisible until a symbol repeats",
    ),
    # attention
    Mutant(
        "mask after the softmax",
        SCORES,
        "return softmax(e, axis=-1, mask=None if mask is None else mask.T[:, None, :])",
        "return softmax(e) * (1.0 if mask is None else namespace(e).astype(mask.T[:, None, :], e.dtype))",
        "weights that no longer sum to 1",
    ),
    Mutant(
        "softmax over the queries",
        SCORES,
        "return softmax(e, axis=-1, mask=",
        "return softmax(e, axis=1, mask=",
        "Σ_t α_{t,s} = 1",
    ),
    Mutant(
        "scores not divided by the root",
        ATTENTION,
        "return float(n) ** -0.5 if self.scaled else 1.0",
        "return 1.0",
        "the scale forgotten",
    ),
    Mutant(
        "scores divided by n",
        ATTENTION,
        "return float(n) ** -0.5 if self.scaled else 1.0",
        "return 1.0 / n if self.scaled else 1.0",
        "n for its root",
    ),
    Mutant(
        "scale forgotten in the backward pass",
        ATTENTION,
        "de = self._scale(Q.shape[2]) * de",
        "pass",
        "forward and backward disagree",
    ),
    Mutant(
        "keys' gradient as values only",
        ATTENTION,
        "batch_first(dH_value + dH_key)",
        "batch_first(dH_value)",
        "the encoder is read twice: in the context and in the scores",
    ),
    Mutant(
        "additive score without tanh'",
        SCORES,
        "return de[..., None] * v * tanh_derivative(u)",
        "return de[..., None] * v",
        "1 - u² forgotten",
    ),
    Mutant(
        "queries' and keys' deltas exchanged",
        ATTENTION,
        "xp.sum(delta, axis=2), xp.sum(delta, axis=1)",
        "xp.sum(delta, axis=1), xp.sum(delta, axis=2)",
        "summed over the wrong axis: no error where both are equally long",
    ),
    Mutant(
        "streaming sums not corrected",
        STREAMING,
        "old, p = xp.exp(top - safe), xp.exp(e - safe)",
        "old, p = xp.ones_like(top), xp.exp(e - safe)",
        "the running maximum changes and the old sums do not",
    ),
    # losses
    Mutant(
        "sum of the cross-entropy instead of its mean",
        LOSSES,
        "return loss, counts * (xp.exp(log_p) - e_y) / N",
        "return loss, counts * (xp.exp(log_p) - e_y)",
        "a mean loss with the gradient of the sum",
    ),
    Mutant(
        "mean over the padding too",
        LOSSES,
        "N = int(xp.sum(xp.astype(mask, xp.int64)))",
        "N = math.prod(mask.shape)",
        "short sequences seem easier",
    ),
    Mutant(
        "padding learns",
        LOSSES,
        "return loss, counts * (xp.exp(log_p) - e_y) / N",
        "return loss, (xp.exp(log_p) - e_y) / N",
        "masked in the loss and not in its gradient",
    ),
    Mutant(
        "squared error without its two",
        LOSSES,
        "2.0 * error / N",
        "error / N",
        "the gradient of half the loss",
    ),
    Mutant(
        "logarithm of the softmax",
        LOSSES,
        "log_p = log_softmax(logits)",
        "log_p = xp.log(xp.exp(log_softmax(logits)))",
        "-inf as soon as a probability rounds to zero",
    ),
    # optimisers
    Mutant(
        "uphill",
        OPTIM,
        "theta[...] = theta - self.lr * direction",
        "theta[...] = theta + self.lr * direction",
        "the sign of the step",
    ),
    Mutant(
        "momentum with the wrong sign",
        OPTIM,
        "v[...] = self.momentum * v + g",
        "v[...] = g - self.momentum * v",
        "a velocity that is pulled back",
    ),
    Mutant(
        "momentum damped",
        OPTIM,
        "v[...] = self.momentum * v + g",
        "v[...] = self.momentum * v + (1.0 - self.momentum) * g",
        "a running mean for a running sum: ten times slower at the same learning rate",
    ),
    Mutant(
        "Nesterov without the new gradient",
        OPTIM,
        "direction = g + self.momentum * v if self.nesterov else v",
        "direction = v",
        "plain momentum under another name",
    ),
    Mutant(
        "Adam without bias correction",
        OPTIM,
        "        if self.bias_correction:",
        "        if False:",
        "means that start at zero taken as they are",
    ),
    Mutant(
        "Adam's steps counted from zero",
        OPTIM,
        "self.beta1**self.steps",
        "self.beta1 ** (self.steps + 1)",
        "t+1 for t",
    ),
    Mutant(
        "epsilon inside the root",
        OPTIM,
        "(namespace(v).sqrt(v_hat) + self.eps)",
        "namespace(v).sqrt(v_hat + self.eps)",
        "√(v̂+ε) for √v̂+ε: another scale of ε altogether",
    ),
    Mutant(
        "Adam without its root",
        OPTIM,
        "(namespace(v).sqrt(v_hat) + self.eps)",
        "(v_hat + self.eps)",
        "steps that grow as gradients shrink",
    ),
    Mutant(
        "weight decay through the gradient",
        OPTIM,
        "        m, v = slots\n",
        "        m, v = slots\n        g = g + self.weight_decay * theta\n",
        "L2 regularisation under the name of decoupled decay, and once more beside it",
    ),
    Mutant(
        "moments not kept",
        OPTIM,
        "        v[...] = self.beta2 * v",
        "        v = self.beta2 * v",
        "a name bound anew instead of memory written",
    ),
    # clipping
    Mutant(
        "each vector clipped by itself",
        CLIPPING,
        "g[...] = g * (threshold / norm)",
        "g[...] = g * min(1.0, threshold / float(namespace(g).sqrt(namespace(g).sum(g * g))))",
        "per part instead of globally: the direction changes",
    ),
    Mutant(
        "short gradients stretched",
        CLIPPING,
        "    if norm > threshold:",
        "    if norm > 0.0:",
        "every step has the length of the threshold",
    ),
    Mutant(
        "norm without its root",
        CLIPPING,
        "math.sqrt(sum(float(namespace(g).sum((g / top) ** 2.0)) for g in vectors))",
        "sum(float(namespace(g).sum((g / top) ** 2.0)) for g in vectors)",
        "the square of the norm",
    ),
    Mutant(
        "squares that overflow",
        CLIPPING,
        "return top * math.sqrt(sum(float(namespace(g).sum((g / top) ** 2.0)) for g in vectors))",
        "return math.sqrt(sum(float(namespace(g).sum(g * g)) for g in vectors))",
        "an exploding float32 gradient has norm infinity and is clipped to nothing",
    ),
    Mutant(
        "clipped below only",
        CLIPPING,
        "g[...] = namespace(g).clip(g, -threshold, threshold)",
        "g[...] = namespace(g).minimum(g, namespace(g).ones_like(g) * threshold)",
        "large negative gradients pass",
    ),
]


def independent_implementations(ll: Any) -> None:
    """Second witness: PyTorch and JAX."""
    kinds = ("softmax", "cross_entropy", "mean_squared_error", "linear", "embedding", "attention")
    for group in cases(*kinds, "additive", "optimiser"):
        compare(ll, group, frozen()[group])


def clipping(ll: Any) -> None:
    """Two parts share one norm; direction, short and long gradients, float32."""
    optim, group = importlib.import_module("lstmlab.optim"), ll.parameters.ParameterGroup

    def grads(one: float, two: float, dtype: str = "float64") -> Any:
        arrays = (ll.xp.asarray(np.array([n], dtype=dtype)) for n in (one, two))
        return group({name: ll.Parameters({"b": (1,)}, a) for name, a in zip("pq", arrays, strict=True)})

    def values(g: Any) -> list[float]:
        return [float(vector[0]) for vector in g.vectors]

    for given, threshold, want in (((3.0, -4.0), 1.0, (0.6, -0.8)), ((3.0, -4.0), 9.0, (3.0, -4.0))):
        g = grads(*given)
        assert abs(optim.clip_by_global_norm(g, threshold) - 5.0) < 1e-12
        assert np.allclose(values(g), want, rtol=1e-12)
    g = grads(3e30, -4e30, "float32")
    with np.errstate(over="ignore"):
        optim.clip_by_global_norm(g, 5.0)
    assert np.allclose(values(g), (3.0, -4.0), rtol=1e-6)
    g = grads(0.5, -4.0)
    optim.clip_by_value(g, 1.0)
    assert values(g) == [0.5, -1.0]


def far_from_zero(ll: Any) -> None:
    """Scores far from zero give numbers."""
    functions, losses = (importlib.import_module(f"lstmlab.{name}") for name in ("functions", "losses"))
    with np.errstate(all="ignore"):
        p = ll.to_numpy(functions.softmax(ll.xp.asarray([2000.0, 2000.0])))
        loss, _ = losses.cross_entropy(ll.xp.asarray([[0.0, -2000.0]]), ll.xp.asarray(np.array([1])))
    assert p.tolist() == [0.5, 0.5]
    assert abs(loss - 2000.0) < 1e-9


def square_layer(ll: Any) -> None:
    """A layer as wide as its input: nothing but the numbers tells W from its transpose."""
    layer = importlib.import_module("lstmlab.layers.linear").Linear(2, 2)
    x = ll.xp.asarray([[1.0, 2.0]])
    grads = layer.params.zeros_like()
    layer.backward(ll.xp.asarray([[3.0, 5.0]]), layer.forward(x)[1], grads)
    assert ll.to_numpy(grads["W"]).tolist() == [[3.0, 6.0], [5.0, 10.0]]


def first_values(ll: Any) -> None:
    """Measured variances of both blocks, and the biases."""
    initialize = importlib.import_module("lstmlab.initialize").initialize
    n_h, n_x = 60, 20
    cell = ll.LSTM(n_x, n_h)
    initialize(cell, "glorot", rng=0)
    W = ll.to_numpy(cell.params["W_i"])
    assert abs(W[:, :n_h].var() * n_h - 1.0) < 0.12
    assert abs(W[:, n_h:].var() * (n_h + n_x) / 2 - 1.0) < 0.2
    assert set(ll.to_numpy(cell.params["b_f"]).tolist()) == {1.0}
    initialize(cell, "glorot", chrono=9)
    assert (ll.to_numpy(cell.params["b_i"] + cell.params["b_f"]) == 0.0).all()
    assert (ll.to_numpy(cell.params["b_i"]) <= 0.0).all()


WITNESSES = [independent_implementations, clipping, far_from_zero, square_layer, first_values]
