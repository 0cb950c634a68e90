"""One file a recurrence: its equations, its state, its step and the step's mirror."""

from lstmlab.cells.lstm import LSTM, LSTMState, LSTMTrace
from lstmlab.cells.rnn import RNN, RNNState, RNNTrace

__all__ = ["LSTM", "RNN", "LSTMState", "LSTMTrace", "RNNState", "RNNTrace"]
