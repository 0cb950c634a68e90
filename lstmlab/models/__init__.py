"""Models: cells and layers joined, with a loss. Each can be given to :func:`lstmlab.training.fit`."""

from lstmlab.models.base import BaseModel
from lstmlab.models.classifier import LabelledBatch, SequenceClassifier, SequenceTagger, TaggedBatch
from lstmlab.models.decoding import Hypothesis, Written, beam_search, exact_match, greedy
from lstmlab.models.forecaster import ForecastBatch, Forecaster
from lstmlab.models.language import LanguageModel
from lstmlab.models.language_batches import LanguageBatch, continued, sentences
from lstmlab.models.sampling import draw_symbols, next_distribution
from lstmlab.models.seq2seq import Seq2Seq
from lstmlab.models.seq2seq_batches import Seq2SeqBatch
from lstmlab.models.tree import TreeBatch, TreeClassifier, tree_batch

__all__ = [
    "BaseModel",
    "ForecastBatch",
    "Forecaster",
    "Hypothesis",
    "LabelledBatch",
    "LanguageBatch",
    "LanguageModel",
    "Seq2Seq",
    "Seq2SeqBatch",
    "SequenceClassifier",
    "SequenceTagger",
    "TaggedBatch",
    "TreeBatch",
    "TreeClassifier",
    "Written",
    "beam_search",
    "continued",
    "draw_symbols",
    "exact_match",
    "greedy",
    "next_distribution",
    "sentences",
    "tree_batch",
]
