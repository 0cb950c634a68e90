"""Optimisers. They walk over the fused vectors and change them where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lstmlab.arguments import check_decay, check_positive
from lstmlab.backend import from_numpy, namespace, to_numpy
from lstmlab.clipping import (
    AnyParameters,
    check_gradients,
    clip_by_global_norm,
    clip_by_value,
    global_norm,
)
from lstmlab.typing import Array

__all__ = ["SGD", "Adam", "Optimiser", "clip_by_global_norm", "clip_by_value", "global_norm"]


class Optimiser:
    """What all optimisers share: the parameters, the learning rate, and what is remembered.

    Parameters
    ----------
    params
        A cell's or layer's ``params``, or a group of several.
    lr
        Learning rate.
    """

    #: Names of the vectors that are remembered for each vector of parameters.
    SLOTS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: AnyParameters, lr: float) -> None:
        if not hasattr(params, "vectors"):
            raise TypeError(f"params: expected a cell's params or a group, got {type(params).__name__}")
        self.params = params
        self.lr = lr
        self.steps = 0
        self.slots = {
            name: [namespace(vector).zeros_like(vector) for vector in params.vectors] for name in self.SLOTS
        }

    @property
    def lr(self) -> float:
        """Learning rate, which may be set at any time."""
        return self._lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._lr = check_positive("lr", value, zero=True)

    def step(self, grads: AnyParameters) -> None:
        """Take one step down the gradient; the parameters change in place.

        Parameters
        ----------
        grads
            Gradients under the names of the parameters, as ``params.zeros_like()`` makes them.

        Raises
        ------
        TypeError
            If ``grads`` is a plain mapping.
        ValueError
            If names or shapes differ from the parameters', or a gradient is not finite.
        """
        check_gradients(grads)
        if grads.shapes != self.params.shapes:
            raise ValueError(f"grads: expected the names and shapes of {self.params!r}, got {grads!r}")
        self.steps += 1
        for k, (theta, g) in enumerate(zip(self.params.vectors, grads.vectors, strict=True)):
            self._update(theta, g, *(self.slots[name][k] for name in self.SLOTS))

    def _update(self, theta: Array, g: Array, *slots: Array) -> None:
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return all that a later run needs to go on exactly as this one would.

        Returns
        -------
        dict
            Host arrays, copies: ``lr``, ``steps`` and the remembered vectors (``m.0`` is that of the
            first vector of parameters). The parameters themselves are not in it.
        """
        kept = {"lr": np.asarray(self.lr), "steps": np.asarray(self.steps)}
        for name, vectors in self.slots.items():
            kept |= {f"{name}.{k}": np.array(to_numpy(vector)) for k, vector in enumerate(vectors)}
        return kept

    def load_state(self, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take over what :meth:`state` returned, from an optimiser of the same kind and sizes.

        Parameters
        ----------
        state
            Names to host arrays.

        Raises
        ------
        ValueError
            If names or shapes differ from this optimiser's own; nothing is changed then.
        """
        wanted = {name: a.shape for name, a in self.state().items()}
        got = {name: np.shape(state[name]) for name in state}
        if got != wanted:
            raise ValueError(f"state: expected {wanted}, got {got}")
        self.lr = float(state["lr"])
        self.steps = int(state["steps"])
        for name, vectors in self.slots.items():
            for k, vector in enumerate(vectors):
                vector[...] = from_numpy(state[f"{name}.{k}"], vector)


class SGD(Optimiser):
    r"""Gradient descent, with momentum if wanted.

    :math:`v_t = \mu v_{t-1} + g_t` and :math:`\theta_t = \theta_{t-1} - \eta v_t`; Nesterov's form
    replaces :math:`v_t` in the second equation by :math:`g_t + \mu v_t`. The learning rate stands
    outside the velocity, as in PyTorch; Sutskever et al. (2013) put it inside, which differs only when
    it changes.

    Parameters
    ----------
    params
        A cell's or layer's ``params``, or a group of several.
    lr
        Learning rate η.
    momentum
        μ, in [0, 1).
    nesterov
        Whether to look ahead along the velocity.

    Attributes
    ----------
    lr
        Learning rate, which may be set at any time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or ``nesterov`` is asked for without momentum.

    References
    ----------
    Polyak (1964); Nesterov (1983); Sutskever, Martens, Dahl and Hinton (2013).
    """

    SLOTS = ("v",)

    def __init__(
        self, params: AnyParameters, lr: float, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        self.momentum, self.nesterov = check_decay("momentum", momentum), bool(nesterov)
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("nesterov: expected a momentum above zero beside it, got 0")
        super().__init__(params, lr)

    def _update(self, theta: Array, g: Array, *slots: Array) -> None:
        (v,) = slots
        v[...] = self.momentum * v + g
        direction = g + self.momentum * v if self.nesterov else v
        theta[...] = theta - self.lr * direction


class Adam(Optimiser):
    r"""Adam: steps scaled by running means of the gradient and of its square.

    :math:`m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t`,
    :math:`v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2`,
    :math:`\hat m_t = m_t/(1-\beta_1^t)`, :math:`\hat v_t = v_t/(1-\beta_2^t)`,
    :math:`\theta_t = (1-\eta\lambda)\,\theta_{t-1} - \eta\,\hat m_t/(\sqrt{\hat v_t}+\varepsilon)`.

    Parameters
    ----------
    params
        A cell's or layer's ``params``, or a group of several.
    lr
        Learning rate η.
    beta1, beta2
        Decay of the two running means, in [0, 1).
    eps
        ε, added to the root and not under it.
    bias_correction
        Whether the means are divided by :math:`1-\beta^t`. Both start at zero and are too small at
        first, the second for about a thousand steps: without the correction the first step is about
        three times too long.
    weight_decay
        λ, decoupled from the gradient (AdamW). It shrinks biases too, the forget gate's with them.

    Attributes
    ----------
    lr
        Learning rate, which may be set at any time.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Kingma and Ba (2015); Loshchilov and Hutter (2019) for the decoupled decay.
    """

    SLOTS = ("m", "v")

    def __init__(
        self,
        params: AnyParameters,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        *,
        bias_correction: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        self.beta1, self.beta2 = check_decay("beta1", beta1), check_decay("beta2", beta2)
        self.eps = check_positive("eps", eps)
        self.bias_correction = bool(bias_correction)
        self.weight_decay = check_positive("weight_decay", weight_decay, zero=True)
        super().__init__(params, lr)

    def _update(self, theta: Array, g: Array, *slots: Array) -> None:
        m, v = slots
        m[...] = self.beta1 * m + (1.0 - self.beta1) * g
        v[...] = self.beta2 * v + (1.0 - self.beta2) * g * g
        m_hat, v_hat = m, v
        if self.bias_correction:
            m_hat = m / (1.0 - self.beta1**self.steps)
            v_hat = v / (1.0 - self.beta2**self.steps)
        decayed = (1.0 - self.lr * self.weight_decay) * theta
        theta[...] = decayed - self.lr * m_hat / (namespace(v).sqrt(v_hat) + self.eps)
