r"""Three ways for a decoder to use what the encoder left. One step of each:

- alone: :math:`s_t = \mathrm{cell}(e_t, s_{t-1})`, and :math:`r_t = s_t` is read out;
- looking after its step: the same, then :math:`c_t = \mathrm{read}(s_t)` and
  :math:`r_t = \tanh(W_c\,[c_t; s_t])`;
- looking before its step: :math:`c_t = \mathrm{read}(s_{t-1})`, then
  :math:`s_t = \mathrm{cell}([e_t; c_t], s_{t-1})` and :math:`r_t = s_t`.

Here :math:`e_t` is the embedded symbol :math:`y_{t-1}`, and
:math:`\mathrm{read}(q) = \sum_s \alpha_s(q)\,h_s` is attention over the encoder's states. The cell state,
which the cell carries along beside :math:`s_t`, is not written here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import namespace
from lstmlab.checks import dtype_name
from lstmlab.functions import tanh, tanh_derivative
from lstmlab.layers import AdditiveAttention, AttentionTrace, Linear, LinearTrace
from lstmlab.layers.attention import Attention
from lstmlab.models.base import beside
from lstmlab.typing import Array, Cell, Reader, State
from lstmlab.unroll import Run, sequence_back, total_hidden_gradient, unroll, zero_state


class Memory(NamedTuple):
    """What the encoder wrote: states ``h``, ``(S, B, n_k)``, and where to read, ``(S, B)`` or ``None``."""

    h: Array
    mask: Array | None


class AloneTrace(NamedTuple):
    """What a run stores: the cell's run, and the encoder's states."""

    run: Run
    memory: Array


class Alone:
    """A decoder that has the encoder's last state and nothing else.

    References
    ----------
    Sutskever, Vinyals and Le (2014).
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell

    @property
    def parts(self) -> dict[str, Any]:
        """Name to cell or layer."""
        return {"decoder": self.cell}

    def forward(self, e: Array, state: State, memory: Memory) -> tuple[Array, State, Any]:
        """Walk over embedded symbols.

        Implements :eq:`eq-decoder-step`.

        Parameters
        ----------
        e
            Shape ``(T, B, n_e)``.
        state
            The decoder's state before the first of them.
        memory
            What the encoder wrote.

        Returns
        -------
        r, state, trace
            What is read out, ``(T, B, n_h)``; the state after the last step; what :meth:`backward` needs.
        """
        run = unroll(self.cell, e, state)
        return run.h, run.state, AloneTrace(run, memory.h)

    def backward(self, dr: Array, trace: Any, grads: Any) -> tuple[Array, State, Array]:
        """Mirror of :meth:`forward`.

        Parameters
        ----------
        dr
            Shape ``(T, B, n_h)``.
        trace
            What :meth:`forward` stored.
        grads
            The model's gradients; added into.

        Returns
        -------
        de, dstate, dmemory
            Gradients of the embedded symbols, of the first state and of the encoder's states.
        """
        de, dstate = walk_back_from_zero(self.cell, trace.run, dr, grads)
        return de, dstate, 0.0 * trace.memory

    def weights(self, trace: Any) -> Array | None:
        """Attention weights of a run, ``(B, T, S)``, or ``None``."""
        return None


class AfterTrace(NamedTuple):
    """What a run with attention after the step stores."""

    run: Run
    looked: AttentionTrace
    joined: LinearTrace
    r: Array


class LooksAfter(Alone):
    r"""A decoder that looks after its step, and joins what it saw to what is read out.

    :math:`s_t = \mathrm{cell}(e_t, s_{t-1})`, :math:`c_t = \sum_s \alpha_s(s_t)\,h_s`,
    :math:`r_t = \tanh(W_c\,[c_t; s_t])`. Nothing that was seen enters the next step, so all steps can look
    at once.

    References
    ----------
    Luong, Pham and Manning (2015), without their input feeding.
    """

    def __init__(self, cell: Cell, attention: Attention, n_k: int, *, rng: np.random.Generator) -> None:
        super().__init__(cell)
        self.attention, self.n_k = attention, n_k
        self.join = Linear(n_k + cell.n_h, cell.n_h, False, rng=rng, **beside(cell.params.vectors[0]))

    @property
    def parts(self) -> dict[str, Any]:
        """Name to cell or layer."""
        return {"decoder": self.cell, "attention": self.attention, "join": self.join}

    def forward(self, e: Array, state: State, memory: Memory) -> tuple[Array, State, Any]:
        """Walk over embedded symbols; as :meth:`Alone.forward`.

        Implements :eq:`eq-look-after`.
        """
        run = unroll(self.cell, e, state)
        c, looked = self.attention.forward(run.h, memory.h, memory.mask)
        a, joined = self.join.forward(namespace(c).concat([c, run.h], axis=2))
        r = tanh(a)
        return r, run.state, AfterTrace(run, looked, joined, r)

    def backward(self, dr: Array, trace: Any, grads: Any) -> tuple[Array, State, Array]:
        """Mirror of :meth:`forward`; as :meth:`Alone.backward`.

        Implements :eq:`eq-look-after-back`.
        """
        da = dr * tanh_derivative(trace.r)
        djoined = self.join.backward(da, trace.joined, grads.parts["join"])
        dc, ds = djoined[:, :, : self.n_k], djoined[:, :, self.n_k :]
        dquery, dmemory = self.attention.backward(dc, trace.looked, grads.parts["attention"])
        de, dstate = walk_back_from_zero(self.cell, trace.run, ds + dquery, grads)
        return de, dstate, dmemory

    def weights(self, trace: Any) -> Array | None:
        """Attention weights of a run, ``(B, T, S)``."""
        return trace.looked.weights


class BeforeTrace(NamedTuple):
    """What a run stores, a list entry for each step."""

    cell: list[Any]
    looked: list[AttentionTrace]
    memory: Array


class LooksBefore(Alone):
    r"""A decoder that looks before its step, and reads what it saw beside the symbol.

    :math:`c_t = \sum_s \alpha_s(s_{t-1})\,h_s`, :math:`s_t = \mathrm{cell}([e_t; c_t], s_{t-1})`. Where to
    look depends on the step before, so the steps have to be walked one by one.

    References
    ----------
    Bahdanau, Cho and Bengio (2015); what is read out there also depends on the symbol and the context.
    """

    def __init__(self, cell: Cell, attention: Attention, n_k: int) -> None:
        super().__init__(cell)
        self.attention, self.n_e = attention, cell.n_x - n_k

    @property
    def parts(self) -> dict[str, Any]:
        """Name to cell or layer."""
        return {"decoder": self.cell, "attention": self.attention}

    def forward(self, e: Array, state: State, memory: Memory) -> tuple[Array, State, Any]:
        """Walk over embedded symbols; as :meth:`Alone.forward`.

        Implements :eq:`eq-look-before`.
        """
        xp = namespace(e)
        s, trace = [], BeforeTrace([], [], memory.h)
        for t in range(e.shape[0]):
            c_t, looked = self.attention.forward(state.h[None, ...], memory.h, memory.mask)
            state, step = self.cell.step(xp.concat([e[t, ...], c_t[0, ...]], axis=1), state)
            s.append(state.h)
            trace.cell.append(step)
            trace.looked.append(looked)
        return xp.stack(s), state, trace

    def backward(self, dr: Array, trace: Any, grads: Any) -> tuple[Array, State, Array]:
        """Mirror of :meth:`forward`; as :meth:`Alone.backward`.

        Implements :eq:`eq-look-before-back`.
        """
        de, dmemory, dstate = [], 0.0 * trace.memory, zero_state(self.cell, dr.shape[1])
        for t in reversed(range(dr.shape[0])):
            total = dstate._replace(h=total_hidden_gradient(dr[t, ...], dstate.h))
            dx_t, dstate = self.cell.step_back(total, trace.cell[t], grads.parts["decoder"])
            dc_t = dx_t[None, :, self.n_e :]
            dquery, dread = self.attention.backward(dc_t, trace.looked[t], grads.parts["attention"])
            dstate = dstate._replace(h=dstate.h + dquery[0, ...])
            dmemory = dmemory + dread
            de.append(dx_t[:, : self.n_e])
        return namespace(dr).stack(de[::-1]), dstate, dmemory

    def weights(self, trace: Any) -> Array | None:
        """Attention weights of a run, ``(B, T, S)``."""
        return namespace(trace.memory).concat([looked.weights for looked in trace.looked], axis=1)


def walk_back_from_zero(cell: Cell, run: Run, dh: Array, grads: Any) -> tuple[Array, State]:
    """Walk a decoder's run back; no loss reads its last state."""
    dstate = zero_state(cell, dh.shape[1])
    return sequence_back(cell, run.trace, run.mask, dh, dstate, grads.parts["decoder"])


def make_decoder(
    encoder: Reader, decoder: Cell, attention: Attention | None, looks: str | None, rng: np.random.Generator
) -> Alone:
    """Return the decoder with the attention it was given, or say what does not fit."""
    if looks not in (None, "before", "after") or (attention is None and looks is not None):
        wanted = "None without attention" if attention is None else "'before', 'after' or None"
        raise ValueError(f"looks: expected {wanted}, got {looks!r}")
    if attention is None:
        return Alone(decoder)
    if not isinstance(attention, Attention):
        raise TypeError(f"attention: expected None, DotAttention or AdditiveAttention, got {attention!r:.60}")
    additive = isinstance(attention, AdditiveAttention)
    needed = (attention.n_q, attention.n_k) if additive else (encoder.n_h, encoder.n_h)
    if needed != (decoder.n_h, encoder.n_h):
        raise ValueError(
            f"attention: expected one for queries of width {decoder.n_h} (decoder) and states of width "
            f"{encoder.n_h} (encoder), got {type(attention).__name__} for {needed[0]} and {needed[1]}"
        )
    if attention.dtype != dtype_name(encoder.params.vectors[0]):
        wanted = dtype_name(encoder.params.vectors[0])
        raise ValueError(f"attention: expected dtype {wanted}, the encoder's, got {attention.dtype}")
    if looks == "after" or (looks is None and not additive):
        return LooksAfter(decoder, attention, encoder.n_h, rng=rng)
    if decoder.n_x <= encoder.n_h:
        raise ValueError(
            f"decoder: expected n_x above {encoder.n_h}, the width of what it sees before its step, so that "
            f"a symbol can stand beside it, got {decoder.n_x}"
        )
    return LooksBefore(decoder, attention, encoder.n_h)
