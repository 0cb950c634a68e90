"""What a cell costs: parameters, operations, floats. Formulas, and the instrument that checks them."""

from lstmlab.complexity.floats import (
    best_segment,
    checkpoint_floats,
    lstm_stored_floats,
    rnn_stored_floats,
    state_floats,
)
from lstmlab.complexity.instrument import (
    CountingArray,
    Measured,
    Tally,
    counted,
    counting,
    distinct_floats,
    measure,
)
from lstmlab.complexity.operations import (
    Counts,
    lstm_backward,
    lstm_elementwise,
    lstm_forward,
    matrix_macs,
    parameters_by_gate,
    rnn_backward,
    rnn_forward,
)

__all__ = [
    "CountingArray",
    "Counts",
    "Measured",
    "Tally",
    "best_segment",
    "checkpoint_floats",
    "counted",
    "counting",
    "distinct_floats",
    "lstm_backward",
    "lstm_elementwise",
    "lstm_forward",
    "lstm_stored_floats",
    "matrix_macs",
    "measure",
    "parameters_by_gate",
    "rnn_backward",
    "rnn_forward",
    "rnn_stored_floats",
    "state_floats",
]
