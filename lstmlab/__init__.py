"""lstmlab: the package behind a course on LSTM networks.

The same code runs on NumPy and, where a CUDA device answers, on CuPy::

    import lstmlab as ll
    from lstmlab import xp

    cell = ll.LSTM(n_x=3, n_h=4)
    run = ll.unroll(cell, xp.zeros((10, 2, 3)))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lstmlab import diagnostics
from lstmlab.backend import default_namespace, from_numpy, get_xp, namespace, to_numpy
from lstmlab.cells import LSTM, RNN, LSTMState, LSTMTrace, RNNState, RNNTrace
from lstmlab.depth import bidirectional, stack
from lstmlab.dropout import variational_dropout
from lstmlab.gradcheck import GradcheckReport, cell_loss, gradcheck
from lstmlab.parameters import ParameterGroup, Parameters
from lstmlab.recompute import checkpointed
from lstmlab.truncation import stateful, truncated_backprop
from lstmlab.unroll import Back, Run, at_step, backprop, unroll
from lstmlab.zoneout import zoneout

if TYPE_CHECKING:
    from lstmlab import diagrams, plots

#: The array library of this process, chosen by ``LSTMLAB_BACKEND``.
xp = default_namespace()

__version__ = "0.1.0"
__all__ = [
    "LSTM",
    "RNN",
    "Back",
    "GradcheckReport",
    "LSTMState",
    "LSTMTrace",
    "ParameterGroup",
    "Parameters",
    "RNNState",
    "RNNTrace",
    "Run",
    "at_step",
    "backprop",
    "bidirectional",
    "cell_loss",
    "checkpointed",
    "diagnostics",
    "diagrams",
    "from_numpy",
    "get_xp",
    "gradcheck",
    "namespace",
    "plots",
    "stack",
    "stateful",
    "to_numpy",
    "truncated_backprop",
    "unroll",
    "variational_dropout",
    "xp",
    "zoneout",
]


def __getattr__(name: str) -> Any:
    """Load what draws only when it is asked for: Matplotlib is slow to import."""
    if name in ("diagrams", "plots"):
        return importlib.import_module(f"lstmlab.{name}")
    raise AttributeError(f"module 'lstmlab' has no attribute {name!r}")
