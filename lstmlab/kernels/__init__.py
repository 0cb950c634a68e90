"""Fused versions of whole runs. Nobody has to read them to understand the course.

A cell is one step and its mirror; :func:`lstmlab.unroll` and :func:`lstmlab.backprop` walk it. Where a run
is long or wide enough for it to matter, they take a kernel of this folder instead, which computes the
same numbers up to rounding. :func:`fused` takes the kernels for small runs as well; :func:`plain`, or
``LSTMLAB_KERNELS=off``, keeps to the step-by-step code.

On NumPy the LSTM, the GRU and the plain network have one, on CuPy the LSTM. The coupled LSTM and the one with
two biases are LSTMs of tied parameters and use its kernel on NumPy. Whatever is built of these cells layer by
layer, a stack or two directions, uses it inside. All other cells are walked step by step wherever they run.
The gain comes from having the deltas of many steps side by side, and a cell's own ``step_back`` adds each
step's up and forgets them: a fast version is the cell written a second time. Most of the others would gain
less, because their steps wait more than once: with peepholes the output gate for the new cell state, in a
multiplicative cell the gates for a first product, with a projection the next step for a second one.
"""

from __future__ import annotations

# Each registers itself.
from lstmlab.kernels import cupy_lstm, numpy_gru, numpy_lstm, numpy_rnn, numpy_tied
from lstmlab.kernels.choice import WORTHWHILE, fused, plain

__all__ = ["WORTHWHILE", "cupy_lstm", "fused", "numpy_gru", "numpy_lstm", "numpy_rnn", "numpy_tied", "plain"]
