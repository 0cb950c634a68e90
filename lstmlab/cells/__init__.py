"""One file a recurrence: its equations, its state, its step and the step's mirror."""

from lstmlab.cells.coupled import CoupledLSTM, CoupledTrace
from lstmlab.cells.coupled_peephole import CoupledPeepholeLSTM, CoupledPeepholeTrace
from lstmlab.cells.depth_gated import DepthGatedLSTM
from lstmlab.cells.gru import GRU, GRUState, GRUTrace
from lstmlab.cells.highway import HighwayLSTM, HighwayTrace
from lstmlab.cells.krause import KrauseLSTM, KrauseTrace
from lstmlab.cells.lstm import LSTM, LSTMState, LSTMTrace
from lstmlab.cells.multiplicative import MultiplicativeLSTM, MultiplicativeTrace
from lstmlab.cells.peephole import PeepholeLSTM, PeepholeTrace
from lstmlab.cells.projected import ProjectedLSTM, ProjectedState, ProjectedTrace
from lstmlab.cells.rnn import RNN, RNNState, RNNTrace
from lstmlab.cells.tree import TreeLSTM, TreeState, TreeTrace
from lstmlab.cells.two_biases import TwoBiasLSTM, TwoBiasTrace

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "CoupledLSTM",
    "CoupledPeepholeLSTM",
    "CoupledPeepholeTrace",
    "CoupledTrace",
    "DepthGatedLSTM",
    "GRUState",
    "GRUTrace",
    "HighwayLSTM",
    "HighwayTrace",
    "KrauseLSTM",
    "KrauseTrace",
    "LSTMState",
    "LSTMTrace",
    "MultiplicativeLSTM",
    "MultiplicativeTrace",
    "PeepholeLSTM",
    "PeepholeTrace",
    "ProjectedLSTM",
    "ProjectedState",
    "ProjectedTrace",
    "RNNState",
    "RNNTrace",
    "TreeLSTM",
    "TreeState",
    "TreeTrace",
    "TwoBiasLSTM",
    "TwoBiasTrace",
]
