"""Fused versions of whole runs. Nobody has to read them to understand the course.

A cell is one step and its mirror; :func:`lstmlab.unroll` and :func:`lstmlab.backprop` walk it. Where a run
is long or wide enough for it to matter, they take a kernel of this folder instead, which computes the
same numbers up to rounding. ``LSTMLAB_KERNELS=off``, or :func:`plain`, keeps to the step-by-step code.
"""

from __future__ import annotations

from lstmlab.kernels import numpy_lstm  # registers itself
from lstmlab.kernels.choice import WORTHWHILE, plain

__all__ = ["WORTHWHILE", "numpy_lstm", "plain"]
