r"""Language models: the probability of the next symbol, of a whole sequence, and symbols drawn from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lstmlab.backend import from_numpy, namespace, to_numpy
from lstmlab.checks import check_size
from lstmlab.functions import log_softmax, one_hot
from lstmlab.initializers import generator, uniform
from lstmlab.layers import Embedding
from lstmlab.losses import bits
from lstmlab.models.base import as_batch, moved
from lstmlab.models.classifier import SequencePass, SequenceTagger
from lstmlab.models.language_batches import LanguageBatch, sentences
from lstmlab.models.readout import TiedReadout
from lstmlab.models.sampling import draw_symbols, next_distribution
from lstmlab.typing import Array, Cell, State
from lstmlab.wrappers import check_steps


class LanguageModel(SequenceTagger):
    r"""The probability of the next symbol given all before it.

    Implements :eq:`eq-next-symbol`.
    :math:`p(y \mid x_1 \dots x_t) = \operatorname{softmax}(W h_t + b)_y`, and
    :math:`y_t = x_{t+1}`. Only ``loss_and_gradient`` draws noise, where the cell is wrapped with some.

    Parameters
    ----------
    cell
        A cell, stack or wrapped cell that reads in one direction, built by the caller: of two directions
        one would see the symbol that is to be predicted.
    n_tokens
        Number of symbols V.
    one_hot
        Unit vectors for symbols instead of learnt ones as wide as the cell reads; ``cell.n_x`` is then V.
    tied
        Whether the embedding's matrix gives the scores too; ``cell.n_h`` is then ``cell.n_x``.
    bos, eos
        The symbols that stand before and after a sentence, where there are such.
    rng
        Seed or generator of the embedding and the read-out: another one than the cell's.

    Attributes
    ----------
    params
        ``embedding.E`` (V, n_x), ``cell....``, and ``out.W``, ``out.b``; with ``tied`` only
        ``out.bias.b``, because ``out.embedding.E`` *is* ``embedding.E``.
    carried
        The states after the last batch of a training and of an evaluation, kept apart. For gradients a
        carried state is a constant.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Mikolov et al. (2010).
    """

    cell: Cell  # one that can be stepped, as sampling does

    def __init__(
        self,
        cell: Cell,
        n_tokens: int,
        *,
        one_hot: bool = False,
        tied: bool = False,
        bos: int | None = None,
        eos: int | None = None,
        rng: int | np.random.Generator = 1,
    ) -> None:
        check_steps(cell, "cell")
        self.n_tokens, self.bos, self.eos = check_size("n_tokens", n_tokens), bos, eos
        for name, symbol in (("bos", bos), ("eos", eos)):
            if symbol is not None and not 0 <= symbol < self.n_tokens:
                raise ValueError(f"{name}: expected a symbol from 0 to {self.n_tokens - 1}, got {symbol!r}")
        rng = generator(rng)
        super().__init__(cell, n_tokens, n_tokens=n_tokens, one_hot=one_hot, rng=rng)
        if tied:
            if not isinstance(self.embedding, Embedding) or cell.n_h != cell.n_x:
                raise ValueError(
                    "tied: expected a learnt embedding and a cell with n_h = n_x, "
                    f"got one_hot={one_hot}, n_h={cell.n_h}, n_x={cell.n_x}"
                )
            # Vectors of length √n, as an embedding has, would make the first scores too large.
            self.embedding.params["E"] = uniform(rng, (self.n_tokens, cell.n_x), cell.n_x**-0.5).astype(
                self.embedding.dtype
            )
            self.out = self.parts["out"] = TiedReadout(self.embedding)
        self.reset()

    # --- learning --------------------------------------------------------------------------------

    def forward(self, batch: Any) -> SequencePass:
        """Return the mean cross-entropy of a :class:`LanguageBatch` in nats a symbol.

        Padded steps do not count. The rest of the tuple is what ``backward`` needs.
        """
        batch = as_batch(LanguageBatch, batch)
        done = self._forward(batch.x, batch.y, batch.lengths, self._first_state(batch))
        self.carried["training" if self.training else "evaluation"] = done.run.state
        return done

    def _first_state(self, batch: LanguageBatch) -> State | None:
        """Return the state after the batch before, or nothing where a batch begins anew."""
        return self.carried["training" if self.training else "evaluation"] if batch.carry else None

    def reset(self) -> None:
        """Forget the carried states: the next batch begins anew, whatever it says."""
        self.carried: dict[str, State | None] = {"training": None, "evaluation": None}

    def training_state(self) -> Any:
        """Return what a training that goes on needs besides parameters: noise and carried states."""
        carried = {k: s if s is None else [to_numpy(a) for a in s] for k, s in self.carried.items()}
        return {"noise": super().training_state(), "carried": carried}

    def load_training_state(self, state: Any) -> None:
        """Take up what :meth:`training_state` returned."""
        super().load_training_state(state["noise"])
        for mode, arrays in state["carried"].items():
            beside = None if arrays is None else (from_numpy(a, self.like) for a in arrays)
            self.carried[mode] = None if beside is None else self.cell.State(*beside)

    # --- judging ---------------------------------------------------------------------------------

    def nats(self, batches: Iterable[Any]) -> float:
        """Return the mean cross-entropy over all symbols of some batches, each symbol counting once.

        Parameters
        ----------
        batches
            Some :class:`LanguageBatch`, or one.

        Returns
        -------
        float
            Not the mean of the batches' means, where batches differ in size.
        """
        total, n = 0.0, 0
        for given in [batches] if hasattr(batches, "_fields") else batches:
            batch = as_batch(LanguageBatch, given)
            places = math.prod(batch.y.shape) if batch.lengths is None else int(sum(batch.lengths))
            total, n = total + places * self.loss(batch), n + places
        if n == 0:
            raise ValueError("batches: expected at least one, got none")
        return total / n

    def bits_per_symbol(self, batches: Iterable[Any]) -> float:
        r"""Return :meth:`nats` in bits, :math:`L/\ln 2`: bits per character, if symbols are characters.

        Implements :eq:`eq-bits-per-symbol`.
        """
        return bits(self.nats(batches))

    def perplexity(self, batches: Iterable[Any]) -> float:
        r"""Return :math:`e^L`, the number of equally likely symbols that would be as hard to predict.

        Implements :eq:`eq-perplexity`.
        """
        return math.exp(self.nats(batches))

    def accuracy(self, batch: Any) -> float:
        """Return the share of symbols of a :class:`LanguageBatch` that were the likeliest; it begins anew."""
        batch = as_batch(LanguageBatch, batch)
        return self._accuracy(batch.x, batch.y, batch.lengths)

    def log_probability(self, sequences: Sequence[Sequence[int]], *, end: bool = True) -> Array:
        r"""Return the logarithm of the probability of whole sentences, by the chain rule.

        Implements :eq:`eq-chain-characters` and :eq:`eq-chain-words`.
        :math:`\log p(s) = \sum_{t=1}^{n+1} \log p(s_t \mid s_0 \dots s_{t-1})` with
        :math:`s_0 = \langle bos\rangle` and :math:`s_{n+1} = \langle eos\rangle`. Without the last term it
        is the probability that a sentence *begins* so, and shorter sentences are not comparable.

        Parameters
        ----------
        sequences
            B sentences as numbers of symbols, without start and end.
        end
            Whether the end counts.

        Returns
        -------
        array
            Shape ``(B,)``, in nats.

        Raises
        ------
        ValueError
            If the model was built without ``bos`` and ``eos``, or a symbol is not one of its own.
        """
        if self.bos is None or self.eos is None:
            raise ValueError(f"bos, eos: expected a model with both, got {self.bos!r} and {self.eos!r}")
        batch = sentences(sequences, bos=self.bos, eos=self.eos)
        with self.evaluation():
            run, _ = self._run(batch.x, batch.lengths)
            logits, _ = self._scores(run)
        xp = namespace(logits)
        log_p = log_softmax(logits)
        of_y = xp.sum(log_p * one_hot(moved(batch.y, logits), self.n_tokens, logits), axis=-1)
        counts = batch.lengths - (0 if end else 1)
        running = from_numpy(np.arange(len(batch.y))[:, None] < counts, logits)
        return xp.sum(running * of_y, axis=0)

    # --- step by step ----------------------------------------------------------------------------

    def step(self, tokens: Any, state: State | None = None) -> tuple[Array, State]:
        """Read one symbol a column; the same scores as ``logits`` has for the whole sequence.

        Parameters
        ----------
        tokens
            Symbols ``(B,)``.
        state
            What the last step returned; ``None`` begins anew.

        Returns
        -------
        logits, state
            Scores of the next symbol, ``(B, V)``, and the state to go on from.
        """
        with self.evaluation():
            vectors, _ = self.embedding.forward(moved(tokens, self.like))
            state = self.cell.initial_state(vectors.shape[0]) if state is None else state
            state, trace = self.cell.step(vectors, state)
            logits, _ = self.out.forward(trace.h)
        return logits, state

    def sample(
        self,
        n: int,
        rng: int | np.random.Generator = 0,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        prompt: Any = None,
    ) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Draw n symbols, each fed back as the next input.

        Parameters
        ----------
        n
            Number of symbols.
        rng
            Seed or generator: one number a symbol and column, so the draws are the same on any device.
        temperature, top_k
            See :func:`~lstmlab.models.sampling.next_distribution`; 0 takes the likeliest symbol.
        prompt
            What is read first: symbols ``(T,)``, or ``(T, B)`` for B texts at a time. ``None`` reads
            ``bos``.

        Returns
        -------
        numpy.ndarray
            Without the prompt, shape ``(n,)`` or ``(n, B)``, on the host. Where the model has ``eos``, a
            text that has drawn it goes on with it.

        Raises
        ------
        ValueError, TypeError
            If there is neither prompt nor ``bos``, the prompt is empty, or an argument is not as above.
        """
        n, rng = check_size("n", n), generator(rng)
        if prompt is None and self.bos is None:
            raise ValueError("prompt: expected symbols to begin with, because the model has no bos; got None")
        read = to_numpy([self.bos] if prompt is None else prompt)
        if read.ndim not in (1, 2) or read.size == 0:
            raise ValueError(f"prompt: expected symbols of shape (T,) or (T, B), got shape {read.shape}")
        state, drawn = None, np.zeros((n, *read.shape[1:]), dtype=np.int64)
        for symbols in read.reshape(len(read), -1):
            logits, state = self.step(symbols, state)
        ended = np.zeros(logits.shape[0], dtype=bool)
        for t in range(n):
            p = next_distribution(to_numpy(logits), temperature, top_k)
            symbols = draw_symbols(p, rng.random(len(p)))
            if self.eos is not None:
                symbols = np.where(ended, self.eos, symbols)
                ended = symbols == self.eos
            drawn[t] = symbols.reshape(read.shape[1:])
            if t + 1 < n:
                logits, state = self.step(symbols, state)
        return drawn
