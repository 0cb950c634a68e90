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

from lstmlab import complexity, data, diagnostics, kernels, models
from lstmlab.backend import default_namespace, from_numpy, get_xp, namespace, to_numpy
from lstmlab.cell_loss import cell_loss
from lstmlab.cells import (
    GRU,
    LSTM,
    RNN,
    CoupledLSTM,
    CoupledPeepholeLSTM,
    CoupledPeepholeTrace,
    CoupledTrace,
    DepthGatedLSTM,
    GRUState,
    GRUTrace,
    HighwayLSTM,
    HighwayTrace,
    KrauseLSTM,
    KrauseTrace,
    LSTMState,
    LSTMTrace,
    MultiplicativeLSTM,
    MultiplicativeTrace,
    PeepholeLSTM,
    PeepholeTrace,
    ProjectedLSTM,
    ProjectedState,
    ProjectedTrace,
    RNNState,
    RNNTrace,
    TreeLSTM,
    TreeState,
    TreeTrace,
    TwoBiasLSTM,
    TwoBiasTrace,
)
from lstmlab.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from lstmlab.clipping import clip_by_global_norm, clip_by_value, global_norm
from lstmlab.config import show_config
from lstmlab.depth import stack
from lstmlab.directions import bidirectional
from lstmlab.dropout import variational_dropout
from lstmlab.functions import log_softmax, sigmoid, softmax, tanh
from lstmlab.gradcheck import GradcheckReport, gradcheck
from lstmlab.history import History
from lstmlab.initialize import initialize
from lstmlab.layers import AdditiveAttention, DotAttention, Embedding, Linear, streaming_attention
from lstmlab.losses import bits, cross_entropy, mean_squared_error
from lstmlab.optim import SGD, Adam
from lstmlab.parameters import ParameterGroup, Parameters
from lstmlab.recompute import checkpointed
from lstmlab.scan import linear_scan, linear_scan_backward
from lstmlab.training import TrainingError, fit
from lstmlab.trees import Trees
from lstmlab.truncation import stateful, truncated_backprop
from lstmlab.unroll import Back, Run, at_step, backprop, unroll
from lstmlab.unroll_tree import TreeBack, TreeRun, backprop_tree, from_roots, unroll_tree
from lstmlab.zoneout import zoneout

if TYPE_CHECKING:
    from lstmlab import diagrams, plots

#: The array library of this process, chosen by ``LSTMLAB_BACKEND``.
xp = default_namespace()

__version__ = "0.1.0"
__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "Adam",
    "AdditiveAttention",
    "Back",
    "CheckpointError",
    "CoupledLSTM",
    "CoupledPeepholeLSTM",
    "CoupledPeepholeTrace",
    "CoupledTrace",
    "DepthGatedLSTM",
    "DotAttention",
    "Embedding",
    "GRUState",
    "GRUTrace",
    "GradcheckReport",
    "HighwayLSTM",
    "HighwayTrace",
    "History",
    "KrauseLSTM",
    "KrauseTrace",
    "LSTMState",
    "LSTMTrace",
    "Linear",
    "MultiplicativeLSTM",
    "MultiplicativeTrace",
    "ParameterGroup",
    "Parameters",
    "PeepholeLSTM",
    "PeepholeTrace",
    "ProjectedLSTM",
    "ProjectedState",
    "ProjectedTrace",
    "RNNState",
    "RNNTrace",
    "Run",
    "TrainingError",
    "TreeBack",
    "TreeLSTM",
    "TreeRun",
    "TreeState",
    "TreeTrace",
    "Trees",
    "TwoBiasLSTM",
    "TwoBiasTrace",
    "at_step",
    "backprop",
    "backprop_tree",
    "bidirectional",
    "bits",
    "cell_loss",
    "checkpointed",
    "clip_by_global_norm",
    "clip_by_value",
    "complexity",
    "cross_entropy",
    "data",
    "diagnostics",
    "diagrams",
    "fit",
    "from_numpy",
    "from_roots",
    "get_xp",
    "global_norm",
    "gradcheck",
    "initialize",
    "kernels",
    "linear_scan",
    "linear_scan_backward",
    "load_checkpoint",
    "log_softmax",
    "mean_squared_error",
    "models",
    "namespace",
    "plots",
    "save_checkpoint",
    "show_config",
    "sigmoid",
    "softmax",
    "stack",
    "stateful",
    "streaming_attention",
    "tanh",
    "to_numpy",
    "truncated_backprop",
    "unroll",
    "unroll_tree",
    "variational_dropout",
    "xp",
    "zoneout",
]


def __getattr__(name: str) -> Any:
    """Load what draws only when it is asked for: Matplotlib is slow to import."""
    if name in ("diagrams", "plots"):
        return importlib.import_module(f"lstmlab.{name}")
    raise AttributeError(f"module 'lstmlab' has no attribute {name!r}")
