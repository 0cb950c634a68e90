"""Layers: what stands before, after and between recurrent cells. They know nothing of time."""

from lstmlab.layers.attention import (
    AdditiveAttention,
    AttentionTrace,
    DotAttention,
)
from lstmlab.layers.base import Layer
from lstmlab.layers.embedding import Embedding, EmbeddingTrace
from lstmlab.layers.linear import Linear, LinearTrace
from lstmlab.layers.streaming import streaming_attention

__all__ = [
    "AdditiveAttention",
    "AttentionTrace",
    "DotAttention",
    "Embedding",
    "EmbeddingTrace",
    "Layer",
    "Linear",
    "LinearTrace",
    "streaming_attention",
]
