"""What can be trained, and the function that trains it; its loop stands in :mod:`lstmlab.training_loop`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lstmlab.arguments import check_positive
from lstmlab.checkpoints import Stateful
from lstmlab.checks import check_size
from lstmlab.history import History
from lstmlab.parameters import ParameterGroup, Parameters
from lstmlab.training_loop import Training, TrainingError, Walk

__all__ = ["Model", "Optimizer", "TrainingError", "fit"]


class Model(Protocol):
    """What :func:`fit` can train.

    A model that keeps more than parameters, such as the generator of its dropout, may also have
    ``training_state()`` and ``load_training_state(state)``: what the first returns (see ``extra`` of
    :func:`~lstmlab.checkpoints.save_checkpoint`) goes into the checkpoint.
    """

    @property
    def params(self) -> Parameters | ParameterGroup:
        """What is learnt."""

    def loss_and_gradient(self, batch: Any) -> tuple[Any, Parameters | ParameterGroup]:
        """Return the loss of a batch in training mode, and its gradient, named as ``params``."""

    def loss(self, batch: Any) -> Any:
        """Return the loss of a batch in evaluation mode."""


class Optimizer(Stateful, Protocol):
    """What moves the parameters it was made for."""

    lr: float

    def step(self, grads: Any) -> None:
        """Change the parameters once."""


def fit(
    model: Model,
    batches: Callable[[np.random.Generator], Iterable[Any]] | Iterable[Any],
    optimizer: Optimizer,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    clip: float | None = None,
    validate: Callable[[Any], Any] | Iterable[Any] | None = None,
    every: int | None = None,
    patience: int | None = None,
    schedule: Callable[[int], float] | None = None,
    callbacks: Iterable[Callable[[int, Any, History], object]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    rng: int | np.random.Generator = 0,
    progress: bool | None = True,
) -> History:
    """Train a model; the same seed gives the same history, bit by bit, on the same machine.

    Parameters
    ----------
    model
        See :class:`Model`; its parameters are changed.
    batches
        One epoch: a function of a generator that returns an iterable (it may be endless), or
        something that can be walked again, a list for instance, always in its own order. With
        ``steps`` and without ``checkpoint`` also an iterator, which is walked once.
    optimizer
        Made for ``model.params``.
    steps, epochs
        Exactly one of them: how long, counted from the beginning of the training, so that
        ``steps=20`` after a checkpoint at step 10 makes ten more.
    clip
        Largest norm of the gradient over all parameters; a longer one is shortened to it.
    validate
        A function of the model that returns a number, the less the better; or batches that can be
        walked again, whose mean loss is taken, in evaluation mode.
    every
        Validate and save after every so many steps; ``None``: at the end of each epoch. In any case
        there is a validation after the last step.
    patience
        Stop after this many validations in a row that are no better than the best. The model then
        ends with the parameters of the best validation, also where the steps run out first.
    schedule
        Learning rate of a step; the first step is number 1. ``None`` leaves ``optimizer.lr``.
    callbacks
        Called as ``callback(step, model, history)`` after each step and its validation.
    checkpoint
        A file. If it exists, the training goes on from it, exactly as if it had never stopped (the
        learning rate is then the file's, unless there is a schedule); it is written as ``every`` says
        and after the last step. An interrupt or an error does not write it.
    rng
        Seed or generator: each epoch's generator is drawn from it.
    progress
        Show a bar; ``None``: only on a terminal.

    Returns
    -------
    History
        After an interrupt from the keyboard, too: what was learnt so far is kept.

    Raises
    ------
    ValueError, TypeError
        If the arguments do not fit each other, or there is no batch.
    CheckpointError
        If the checkpoint cannot be read, is that of another model or seed, or is past ``steps``.
    TrainingError
        If a loss, a gradient, the parameters or a validation stop being finite, or an iterator ends too
        early. Its ``history`` is the history so far. The parameters are those for which the loss was
        last finite or, with ``patience``, the best; the optimiser keeps the memory it has.

    References
    ----------
    Early stopping as in Prechelt (1998), by a count of validations without progress.
    """
    if (steps is None) == (epochs is None):
        raise ValueError(f"steps, epochs: expected exactly one of them, got {steps!r} and {epochs!r}")
    for name, n in (("steps", steps), ("epochs", epochs), ("every", every), ("patience", patience)):
        if n is not None:
            check_size(name, n)
    if clip is not None:
        check_positive("clip", clip)
    if patience is not None and validate is None:
        raise ValueError("validate: expected one, because patience counts validations; got None")
    if validate is not None and not callable(validate) and iter(validate) is validate:
        raise ValueError("validate: expected batches that can be walked again, got an iterator")
    walk = Walk(batches, rng)
    if walk.once and (epochs is not None or checkpoint is not None):
        raise ValueError(
            "batches: expected a function or something that can be walked again, because epochs or "
            "checkpoint is given; got an iterator"
        )
    training = Training(
        model=model,
        optimizer=optimizer,
        walk=walk,
        steps=steps,
        epochs=epochs,
        clip=clip,
        validate=validate,
        every=every,
        patience=patience,
        schedule=schedule,
        callbacks=tuple(callbacks),
        path=None if checkpoint is None else Path(checkpoint),
        seed=None if isinstance(rng, np.random.Generator) else int(rng),
    )
    if training.path is not None:
        if training.path.exists():
            training.resume(training.path)
        elif not training.path.absolute().parent.is_dir():
            raise FileNotFoundError(f"checkpoint: expected a folder that exists, got {training.path.parent}")
    from tqdm import tqdm  # late: it takes as long to import as a fifth of the package

    hidden = None if progress is None else not progress
    with tqdm(total=steps, initial=training.done, unit="step", disable=hidden) as bar:
        try:
            training.learn(bar)
        except KeyboardInterrupt:
            training.interrupted()
    training.restore_best()
    return training.history
