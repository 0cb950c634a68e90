r"""Cells that are an LSTM of tied parameters, run by its kernel on NumPy.

* Because :math:`1-\sigma(a)=\sigma(-a)`, the coupled LSTM is the LSTM with :math:`W_i=-W_f` and
  :math:`b_i=-b_f`; the gradient of what is used twice is that of its two uses.
* The LSTM with two biases is the LSTM with their sum, whose gradient is that of either.

The parameters are put together before each pass, and the gradients taken apart after the way back. Here the
coupled gates add up to one but for rounding, and a gradient that is the difference of two has the rounding of
the larger: the step of the coupled cell itself is finer in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmlab.cells.base import BaseCell
from lstmlab.cells.coupled import CoupledLSTM, CoupledTrace
from lstmlab.cells.lstm import BIASES, LSTM, WEIGHTS, LSTMState
from lstmlab.cells.two_biases import SECOND_BIASES, TwoBiasLSTM, TwoBiasTrace, summed_bias
from lstmlab.kernels import numpy_lstm
from lstmlab.kernels.numpy_lstm import Blocks
from lstmlab.kernels.numpy_shared import offer
from lstmlab.parameters import Parameters
from lstmlab.typing import Array
from lstmlab.unroll import Run


class FusedCoupledTrace(CoupledTrace):
    """The trace of a fused run: the same fields, as views, and the LSTM's blocks behind them."""

    blocks: Blocks | None = None


class FusedTwoBiasTrace(TwoBiasTrace):
    """The trace of a fused run: the same fields, as views, and the LSTM's blocks behind them."""

    blocks: Blocks | None = None


@dataclass(frozen=True)
class Tied:
    """The kernel of a cell whose parameters make up an LSTM's.

    Attributes
    ----------
    trace
        The class of its trace, whose fields are those of the LSTM's.
    tie
        From the cell's parameters to the LSTM's that differ, by name.
    untie
        Adds the LSTM's gradients to the cell's: the transpose of ``tie``.
    """

    trace: Callable[..., Any]
    tie: Callable[[Parameters], Mapping[str, Array]]
    untie: Callable[[Parameters, Parameters], None]

    def lstm(self, cell: BaseCell) -> LSTM:
        """Return the LSTM that does what the cell does."""
        values = {**cell.params, **self.tie(cell.params)}
        own = {name: values[name] for name in WEIGHTS + BIASES}
        lstm = LSTM.__new__(LSTM)  # its own way to make one draws weights
        BaseCell.__init__(lstm, cell.n_x, cell.n_h, own, dtype=cell.dtype, xp=np)
        return lstm

    def forward(self, cell: BaseCell, x: Array, state: LSTMState, mask: Array | None) -> Run:
        """Run a whole sequence: :func:`lstmlab.kernels.numpy_lstm.forward` of the LSTM."""
        run = numpy_lstm.forward(self.lstm(cell), x, state, mask)
        trace = self.trace(*run.trace)
        trace.blocks = run.trace.blocks
        return run._replace(trace=trace)

    def outputs(self, cell: BaseCell, x: Array, state: LSTMState, mask: Array | None) -> Run:
        """Do what :meth:`forward` does where nobody will walk back."""
        return numpy_lstm.outputs(self.lstm(cell), x, state, mask)

    def backward(
        self,
        cell: BaseCell,
        blocks: Blocks,
        mask: Array | None,
        dh: Array,
        dstate: LSTMState,
        grads: Parameters,
    ) -> tuple[Array, LSTMState]:
        """Mirror of :meth:`forward`: :func:`lstmlab.kernels.numpy_lstm.backward`, the gradients untied."""
        lstm = self.lstm(cell)
        found = lstm.params.zeros_like()
        back = numpy_lstm.backward(lstm, blocks, mask, dh, dstate, found)
        self.untie(found, grads)
        return back


def tie_input_gate(params: Parameters) -> Mapping[str, Array]:
    """Give the input gate the negative parameters of the forget gate."""
    return {"W_i": -params["W_f"], "b_i": -params["b_f"]}


def untie_input_gate(found: Parameters, grads: Parameters) -> None:
    """Take the input gate's gradients from those of the forget gate."""
    for name in grads:
        grads[name] += found[name]
    for weights in ("W", "b"):
        grads[f"{weights}_f"] -= found[f"{weights}_i"]


def sum_biases(params: Parameters) -> Mapping[str, Array]:
    """Add up the two biases of each gate."""
    return {b: summed_bias(params[b], params[c]) for b, c in zip(BIASES, SECOND_BIASES, strict=True)}


def share_bias_gradients(found: Parameters, grads: Parameters) -> None:
    """Give both biases the gradient of their sum."""
    for name in found:
        grads[name] += found[name]
    for b, c in zip(BIASES, SECOND_BIASES, strict=True):
        grads[c] += found[b]


coupled = Tied(FusedCoupledTrace, tie_input_gate, untie_input_gate)
two_biases = Tied(FusedTwoBiasTrace, sum_biases, share_bias_gradients)
offer(CoupledLSTM, coupled.forward, coupled.backward, coupled.outputs)
offer(TwoBiasLSTM, two_biases.forward, two_biases.backward, two_biases.outputs)
