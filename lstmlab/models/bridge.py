"""The bridge: from the state an encoder ends in to the state its decoder starts from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import namespace
from lstmlab.layers import Linear, LinearTrace
from lstmlab.models.base import beside
from lstmlab.parameters import ParameterGroup
from lstmlab.typing import Cell, Reader, State
from lstmlab.unroll import zero_state


class BridgeTrace(NamedTuple):
    """What a bridge stores for the backward pass: B, and the trace of each field's linear layer."""

    batch: int
    linear: dict[str, LinearTrace]


class Bridge:
    r"""Carry every h and every C over: as they are where they fit, by a linear layer where they do not.

    A field of the decoder that the encoder has too, under the same name and with the same width, is
    handed on, :math:`s_0 = h_S,\ C_0 = C_S`. Any other is made of all the encoder's fields of its kind,
    :math:`s_0 = U_h\,[h_S^{\to}; h_1^{\gets}] + d_h` and :math:`C_0 = U_C\,[C_S^{\to}; C_1^{\gets}] + d_C`
    for a pair of directions (an encoder without C gives its h instead). What else a decoder carries, such
    as masks of dropout, starts as in its own initial state.

    Parameters
    ----------
    encoder, decoder
        The two cells.
    rng
        Generator of the linear layers' first weights.

    Attributes
    ----------
    linear
        Field of the decoder to its layer; empty where everything fits.
    sources
        Field of the decoder to the encoder's fields it is made of.

    References
    ----------
    Sutskever, Vinyals and Le (2014) hand the state on; Bahdanau, Cho and Bengio (2015) put a layer between,
    with a tanh, which a cell state has no use for.
    """

    def __init__(self, encoder: Reader, decoder: Cell, *, rng: np.random.Generator) -> None:
        self.encoder, self.decoder = encoder, decoder
        kind_of_array = beside(encoder.params.vectors[0])
        self.widths = dict(zip(encoder.State._fields, encoder.state_sizes, strict=True))
        self.sources: dict[str, list[str]] = {}
        self.linear: dict[str, Linear] = {}
        for field, n in zip(decoder.State._fields, decoder.state_sizes, strict=True):
            if kind(field) not in ("h", "C"):
                continue
            if self.widths.get(field) == n:
                self.sources[field] = [field]
                continue
            alike = [name for name in self.widths if kind(name) == kind(field)]
            self.sources[field] = alike or [name for name in self.widths if kind(name) == "h"]
            width = sum(self.widths[name] for name in self.sources[field])
            self.linear[field] = Linear(width, n, rng=rng, **kind_of_array)

    @property
    def params(self) -> ParameterGroup:
        """The layers' parameters, ``params["C.W"]``; only where there is a layer."""
        return ParameterGroup({field: layer.params for field, layer in self.linear.items()})

    def forward(self, state: State) -> tuple[State, BridgeTrace]:
        """Make the decoder's first state from the encoder's last, fields ``(B, n)``.

        Implements :eq:`eq-bridge`.
        """
        batch = state[0].shape[0]
        fields, traces = {}, {}
        for field, names in self.sources.items():
            fields[field] = namespace(state[0]).concat([getattr(state, name) for name in names], axis=1)
            if field in self.linear:
                fields[field], traces[field] = self.linear[field].forward(fields[field])
        return self.decoder.initial_state(batch)._replace(**fields), BridgeTrace(batch, traces)

    def backward(self, dstate: State, trace: BridgeTrace, grads: Any) -> State:
        """Mirror of :meth:`forward`: from the decoder's first state back to the encoder's last.

        Implements :eq:`eq-bridge-back`.

        Parameters
        ----------
        dstate
            Gradient of the decoder's first state.
        trace
            What :meth:`forward` stored.
        grads
            Added into; not touched where there is no layer.

        Returns
        -------
        named tuple
            Gradient of the encoder's last state, zero in what the decoder does not read.
        """
        total = zero_state(self.encoder, trace.batch)._asdict()
        for field, names in self.sources.items():
            d = getattr(dstate, field)
            if field in self.linear:
                d = self.linear[field].backward(d, trace.linear[field], grads.parts[field])
            start = 0
            for name in names:
                stop = start + self.widths[name]
                total[name] = total[name] + d[:, start:stop]
                start = stop
        return self.encoder.State(**total)


def kind(field: str) -> str:
    """Return what a field of a state is, whatever layer or direction it belongs to: h, C, m."""
    return field.partition("_")[0]
