"""Sequence to sequence: an encoder reads, a decoder writes, and attention lets it look back.

The notes write the encoder's result as C and the decoder as y_t = LSTM(y_{t-1}, C, h_{t-1}). Here C stays
the cell state. What is handed on is the pair (h_S, C_S); the decoder's state is (s_t, C_t), of which the
symbol is *read out*, :math:`y_t \\sim \\mathrm{softmax}(W_y r_t + b_y)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmlab.arguments import check_symbol, check_tokens
from lstmlab.backend import namespace
from lstmlab.checks import check_size, dtype_name
from lstmlab.initializers import generator
from lstmlab.layers import Embedding, EmbeddingTrace, Linear, LinearTrace
from lstmlab.layers.attention import Attention
from lstmlab.losses import cross_entropy
from lstmlab.models.base import BaseModel, as_batch, beside, moved
from lstmlab.models.bridge import Bridge, BridgeTrace
from lstmlab.models.decoders import LooksBefore, Memory, make_decoder
from lstmlab.models.decoding import exact_match, greedy
from lstmlab.models.seq2seq_batches import Seq2SeqBatch, shifted
from lstmlab.typing import Array, Cell, Reader, State
from lstmlab.unroll import Run, check_cell, length_mask, sequence_back, unroll
from lstmlab.wrappers import check_steps


class Encoded(NamedTuple):
    """What the encoder leaves: memory, the decoder's first state, and its own traces."""

    memory: Memory
    state: State
    embedded: EmbeddingTrace
    run: Run
    bridged: BridgeTrace


class Decoded(NamedTuple):
    """What the decoder leaves.

    Attributes
    ----------
    logits
        Scores of the next symbol, ``(T, B, n_target)``.
    state
        The decoder's state after the last step.
    weights
        Attention weights, ``(B, T, S)``, or ``None`` without attention.
    embedded, walked, read
        Traces.
    """

    logits: Array
    state: State
    weights: Array | None
    embedded: EmbeddingTrace
    walked: Any
    read: LinearTrace


class Seq2SeqForward(NamedTuple):
    """What a forward pass leaves for the way back."""

    loss: float
    dlogits: Array
    encoded: Encoded
    decoded: Decoded


class Seq2Seq(BaseModel):
    r"""Encoder and decoder, with or without attention.

    Parameters
    ----------
    encoder
        A cell, stack or bidirectional pair; its ``n_x`` is the width of the source's embedding.
    decoder
        A cell or stack. Its ``n_x`` is the width of the target's embedding, plus the encoder's ``n_h`` where
        it looks before its step.
    n_source, n_target
        Sizes of the two vocabularies; the second counts the start symbol and the end symbol.
    attention
        ``None``, :class:`~lstmlab.layers.DotAttention` (encoder and decoder of one ``n_h``) or
        :class:`~lstmlab.layers.AdditiveAttention` (``n_q`` the decoder's ``n_h``, ``n_k`` the encoder's).
    looks
        When the decoder looks: ``"after"`` its step, with :math:`s_t` (Luong), or ``"before"``, with
        :math:`s_{t-1}` (Bahdanau). ``None``: before with additive, after with dot-product attention.
    start
        Number of the symbol the decoder reads first.
    end
        Number of the symbol that ends a target; ``None`` where all targets have one length.
    rng
        Seed or generator of the embeddings', the bridge's and the output's first weights.

    Attributes
    ----------
    parts
        ``source`` and ``target`` (embeddings), ``encoder``, ``decoder``, ``out``; where there are any,
        ``bridge``, ``attention`` and ``join`` (:math:`W_c` of looking after the step).

    Raises
    ------
    TypeError, ValueError
        If something is not a cell or attention, cannot be stepped as a decoder must, or sizes or dtypes do
        not fit.

    References
    ----------
    Sutskever, Vinyals and Le (2014); Bahdanau, Cho and Bengio (2015); Luong, Pham and Manning (2015).
    """

    def __init__(
        self,
        encoder: Reader,
        decoder: Cell,
        n_source: int,
        n_target: int,
        *,
        start: int,
        end: int | None = None,
        attention: Attention | None = None,
        looks: str | None = None,
        rng: int | np.random.Generator = 0,
    ) -> None:
        check_cell(encoder)
        check_steps(decoder, "decoder")
        like, rng = encoder.params.vectors[0], generator(rng)
        if dtype_name(decoder.params.vectors[0]) != dtype_name(like):
            got = dtype_name(decoder.params.vectors[0])
            raise ValueError(f"decoder: expected dtype {dtype_name(like)}, the encoder's, got {got}")
        self.n_target = check_size("n_target", n_target)
        self.start = check_symbol("start", start, self.n_target)
        self.end = None if end is None else check_symbol("end", end, self.n_target)
        self.encoder = encoder
        self.decoder = make_decoder(encoder, decoder, attention, looks, rng)
        n_e = decoder.n_x - (encoder.n_h if isinstance(self.decoder, LooksBefore) else 0)
        self.source = Embedding(n_source, encoder.n_x, rng=rng, **beside(like))
        self.bridge = Bridge(encoder, decoder, rng=rng)
        self.target = Embedding(self.n_target, n_e, rng=rng, **beside(like))
        self.out = Linear(decoder.n_h, self.n_target, rng=rng, **beside(like))
        bridge = {"bridge": self.bridge} if self.bridge.linear else {}
        parts = {"source": self.source, "encoder": encoder, **bridge, "target": self.target}
        super().__init__({**parts, **self.decoder.parts, "out": self.out})

    def encode(self, x: Array, lengths: Sequence[int] | None = None) -> Encoded:
        """Read the source.

        Implements :eq:`eq-encoder`; the bridge makes the decoder's first state of its end.

        Parameters
        ----------
        x
            Symbols ``(S, B)``.
        lengths
            Number of symbols of each.

        Returns
        -------
        Encoded
            ``memory``, ``state``, and the traces.
        """
        x, running = self.symbols("x", x, self.source.n_tokens, lengths)
        e, embedded = self.source.forward(x)
        run = unroll(self.encoder, e, lengths=lengths)
        state, bridged = self.bridge.forward(run.state)
        return Encoded(Memory(run.h, running), state, embedded, run, bridged)

    def decode(self, y_in: Array, state: State, memory: Memory) -> Decoded:
        """Read symbols, one for each step, and score the next ones.

        Implements :eq:`eq-decoder-readout`, up to the softmax.

        Parameters
        ----------
        y_in
            Symbols ``(T, B)``: under teacher forcing the target behind the start symbol, otherwise T = 1
            and what was written last.
        state
            The decoder's state before the first of them.
        memory
            What the encoder wrote.

        Returns
        -------
        Decoded
            ``logits``, ``state``, ``weights``, and the traces.
        """
        e, embedded = self.target.forward(y_in)
        r, state, walked = self.decoder.forward(e, state, memory)
        logits, read = self.out.forward(r)
        return Decoded(logits, state, self.decoder.weights(walked), embedded, walked, read)

    def forward(self, batch: Any) -> Seq2SeqForward:
        r"""Compute the teacher-forced loss, :math:`L = -\frac1N\sum_{t,b}\log p(y_t \mid y_{<t}, x)`.

        Implements :eq:`eq-teacher-forcing`.

        At every step the decoder reads the *right* symbol before, whatever it would have written. The mean is
        over the N symbols within ``y_lengths``.

        Parameters
        ----------
        batch
            A :class:`Seq2SeqBatch`.

        Returns
        -------
        Seq2SeqForward
            ``loss`` in nats a symbol, and the traces.
        """
        x, y, x_lengths, y_lengths = as_batch(Seq2SeqBatch, batch)
        y, counts = self.symbols("y", y, self.n_target, y_lengths)
        encoded = self.encode(x, x_lengths)
        if y.shape[1] != encoded.memory.h.shape[1]:
            raise ValueError(f"y: expected {encoded.memory.h.shape[1]} sequences, as x has, got {y.shape[1]}")
        decoded = self.decode(shifted(y, self.start), encoded.state, encoded.memory)
        loss, dlogits = cross_entropy(decoded.logits, y, counts)
        return Seq2SeqForward(loss, dlogits, encoded, decoded)

    def backward(self, done: Seq2SeqForward, grads: Any) -> None:
        """Mirror of :meth:`forward`: read-out, decoder, bridge, encoder; adds into ``grads``.

        Implements :eq:`eq-encoder-back`: what the look says of the encoder's states joins what the bridge
        says of its last.
        """
        _, dlogits, encoded, decoded = done
        dr = self.out.backward(dlogits, decoded.read, grads.parts["out"])
        de, dstate, dmemory = self.decoder.backward(dr, decoded.walked, grads)
        self.target.backward(de, decoded.embedded, grads.parts["target"])

        dlast = self.bridge.backward(dstate, encoded.bridged, grads.parts.get("bridge"))
        run, into = encoded.run, grads.parts["encoder"]
        dx, _ = sequence_back(self.encoder, run.trace, run.mask, dmemory, dlast, into)
        self.source.backward(dx, encoded.embedded, grads.parts["source"])

    def predict(self, x: Array, steps: int, lengths: Sequence[int] | None = None) -> Array:
        """Write greedily, without noise.

        Parameters
        ----------
        x
            Symbols ``(S, B)``.
        steps
            How many symbols to write, at most.
        lengths
            Number of symbols of each source.

        Returns
        -------
        array
            Symbols ``(steps, B)``, ``end`` after a sequence's end.
        """
        return greedy(self, x, steps, lengths).tokens

    def accuracy(self, batch: Any) -> float:
        """Share of the targets that are written without a mistake, greedily."""
        x, y, x_lengths, y_lengths = as_batch(Seq2SeqBatch, batch)
        y, _ = self.symbols("y", y, self.n_target, y_lengths)
        return exact_match(self.predict(x, y.shape[0], x_lengths), y, y_lengths)

    def attention_weights(self, batch: Any) -> Array | None:
        """Attention weights under teacher forcing, without noise, ``(B, T, S)``; or ``None``."""
        with self.evaluation():
            return self.forward(batch).decoded.weights

    def symbols(self, name: str, tokens: Any, n: int, lengths: Any = None) -> tuple[Array, Array | None]:
        """Bring symbols beside the parameters; what stands after a sequence's end becomes 0.

        Parameters
        ----------
        name
            For messages.
        tokens
            Whole numbers ``(T, B)``.
        n
            Size of their vocabulary.
        lengths
            Number of symbols of each sequence; ``None``: T for all.

        Returns
        -------
        tokens, running
            Both ``(T, B)``; ``running`` holds booleans, or is ``None`` without lengths.
        """
        tokens = moved(tokens, self.like)
        if len(tuple(getattr(tokens, "shape", ()))) != 2:
            raise ValueError(f"{name}: expected symbols of shape (T, B), got {tokens!r:.60}")
        if lengths is None:
            return check_tokens(name, tokens, n, self.like), None
        T, B = tokens.shape
        running = length_mask(lengths, T, B, self.like)[..., 0] > 0.5
        xp = namespace(tokens)
        return check_tokens(name, xp.where(running, tokens, xp.zeros_like(tokens)), n, self.like), running
