"""The loop that learns: step, validation, patience, and a file to go on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lstmlab.backend import from_numpy, namespace, to_numpy
from lstmlab.checkpoints import CheckpointError, read_checkpoint, save_checkpoint
from lstmlab.clipping import clip_by_global_norm, global_norm
from lstmlab.history import History
from lstmlab.initializers import generator
from lstmlab.parameters import ParameterGroup, Parameters
from lstmlab.typing import Array

END = object()
HINT = "a smaller learning rate, or clip=1.0, may help"


class TrainingError(ValueError):
    """A training that cannot go on.

    Parameters
    ----------
    message
        Which step failed, why, and which parameters the model has now.
    history
        What was done before; an attribute of the error.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Walk:
    """Batches, epoch after epoch, with a memory of where it stands."""

    def __init__(self, batches: Any, rng: int | np.random.Generator) -> None:
        self.batches, self.rng = batches, generator(rng)
        self.once = not callable(batches) and iter(batches) is batches
        self.epoch = 0  # epochs that are done
        self.position = 0  # batches used of the one that is not
        self.seed: int | None = None  # of its generator, drawn when it begins

    def open(self) -> Iterator[Any]:
        """Return an iterator over what is left of the epoch."""
        if self.seed is None:
            self.seed = int(self.rng.integers(2**63))
        again = self.batches(np.random.default_rng(self.seed)) if callable(self.batches) else self.batches
        iterator: Iterator[Any] = iter(again)
        for _ in range(self.position):
            next(iterator, END)
        return iterator

    def advance(self, *, ended: bool) -> None:
        """Count one batch, and the epoch if it was its last."""
        self.position += 1
        if ended:
            self.epoch, self.position, self.seed = self.epoch + 1, 0, None

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load_state` needs."""
        rng = self.rng.bit_generator.state
        return {"epoch": self.epoch, "position": self.position, "seed": self.seed, "rng": rng}

    def load_state(self, state: dict[str, Any]) -> None:
        """Stand where another walk over the same batches stood."""
        self.rng.bit_generator.state = state["rng"]
        self.epoch, self.position, self.seed = state["epoch"], state["position"], state["seed"]


@dataclass
class Training:
    """One call of :func:`~lstmlab.training.fit`, whose arguments these are."""

    model: Any
    optimizer: Any
    walk: Walk
    steps: int | None
    epochs: int | None
    clip: float | None
    validate: Any
    every: int | None
    patience: int | None
    schedule: Callable[[int], float] | None
    callbacks: tuple[Callable[[int, Any, History], object], ...]
    path: Path | None
    seed: int | None
    history: History = field(default_factory=History)
    begun: int = 0  # the step whose update has begun
    done: int = 0  # the step that is complete
    last_finite: tuple[int, list[Array]] | None = None  # a step and the parameters after it
    best: list[Array] | None = None  # the parameters of the best validation
    waited: int = 0  # validations since

    def learn(self, bar: Any) -> None:
        """Step until there is a reason to stop."""
        while not self.reason():
            batches = self.walk.open()
            batch = next(batches, END)
            if batch is END and not self.walk.once:
                raise ValueError(f"batches: expected at least one in epoch {self.walk.epoch + 1}, got none")
            while batch is not END and not self.reason():
                self.step(batch)
                # Only who asks for the next batch knows that this was the epoch's last one.
                batch = next(batches, END) if not self.walk.once or self.done != self.steps else None
                self.after_step(epoch_ended=batch is END)
                bar.set_postfix_str(f"loss {self.history.loss[-1]:.4g}", refresh=False)
                bar.update()
            if self.walk.once and not self.reason():
                self.history.stopped = "no batches left"
                self.restore_best()
                raise TrainingError(
                    f"batches: expected {self.steps}, got an iterator that ended after {self.done}",
                    self.history,
                )
        if self.path is not None:
            self.save(self.path)
        self.history.stopped = self.reason()
        if self.validate is not None and self.done not in self.history.val_step[-1:]:
            self.look()  # after saving: a training that goes on has no validation here

    def reason(self) -> str:
        """Why to stop now, or nothing."""
        if self.patience is not None and self.waited >= self.patience:
            return "patience exhausted"
        if self.steps is not None and self.done >= self.steps:
            return "all steps done"
        if self.epochs is not None and self.walk.epoch >= self.epochs:
            return "all epochs done"
        return ""

    def step(self, batch: Any) -> None:
        """Loss, gradient, update, record."""
        started, step, params = time.perf_counter(), self.done + 1, self.model.params
        if self.schedule is not None:
            self.optimizer.lr = float(self.schedule(step))
        value, grads = self.ask(lambda: self.model.loss_and_gradient(batch), step)
        loss = self.finite("loss", value, step)
        self.last_finite = (self.done, copy_vectors(params))
        norm = self.ask(lambda: self.measure(grads), step)
        self.begun = step
        self.optimizer.step(grads)
        if not all(bool(namespace(v).all(namespace(v).isfinite(v))) for v in params.vectors):
            raise self.broken(f"step {step}: the parameters are no longer finite; {HINT}")
        record = {"loss": loss, "grad_norm": norm, "lr": float(self.optimizer.lr)}
        for name, number in (record | {"seconds": time.perf_counter() - started, "step": step}).items():
            getattr(self.history, name).append(number)
        self.done = step

    def measure(self, grads: Any) -> float:
        """Norm of the gradient, which is clipped thereafter if that was asked for."""
        return global_norm(grads) if self.clip is None else clip_by_global_norm(grads, self.clip)

    def after_step(self, *, epoch_ended: bool) -> None:
        """Validate and save where that is due."""
        self.walk.advance(ended=epoch_ended)
        due = epoch_ended if self.every is None else self.done % self.every == 0
        if due and self.validate is not None:
            self.look()
        for callback in self.callbacks:
            callback(self.done, self.model, self.history)
        if due and self.path is not None:
            self.save(self.path)

    def look(self) -> None:
        """Validate, and keep the parameters if they are the best so far."""
        value = self.finite("validation", self.ask(self.validation, self.done), self.done)
        if value < min(self.history.val_loss, default=math.inf):
            self.best, self.waited = copy_vectors(self.model.params), 0
        else:
            self.waited += 1
        self.history.val_loss.append(value)
        self.history.val_step.append(self.done)

    def validation(self) -> Any:
        """What the function says, or the mean loss of the batches."""
        if callable(self.validate):
            return self.validate(self.model)
        losses = [as_number("loss", self.model.loss(batch)) for batch in self.validate]
        if not losses:
            raise ValueError("validate: expected at least one batch, got none")
        return sum(losses) / len(losses)

    def ask(self, question: Callable[[], Any], step: int) -> Any:
        """Ask the model. Its own checks may see that numbers overflow before a loss is there to see."""
        try:
            return question()
        except (ValueError, ArithmeticError) as error:
            if self.last_finite is None:  # nothing was changed yet: a plain mistake in an argument
                raise
            raise self.broken(f"step {step}: {error}") from error

    def finite(self, what: str, value: Any, step: int) -> float:
        """Return the number, or end the training."""
        number = as_number(what, value)
        if not math.isfinite(number):
            raise self.broken(f"step {step}: the {what} is {number}; {HINT}")
        return number

    def broken(self, message: str) -> TrainingError:
        """Go back to parameters that are good, and return the error to raise."""
        after = self.go_back()
        if self.restore_best():
            after = self.history.best_step or 0
        self.history.stopped = "not finite"
        return TrainingError(f"{message} (the parameters are now those after step {after})", self.history)

    def go_back(self) -> int:
        """Put back the parameters for which the loss was last finite; return the step they come after."""
        if self.last_finite is None:
            return self.done
        step, vectors = self.last_finite
        put_back(self.model.params, vectors)
        return step

    def interrupted(self) -> None:
        """Leave nothing half done."""
        if self.begun > self.done:
            self.go_back()
        self.history.cut(self.done)
        self.history.stopped = "interrupted"

    def restore_best(self) -> bool:
        """Put back the parameters of the best validation, if that was asked for and there is one."""
        if self.patience is None or self.best is None:
            return False
        put_back(self.model.params, self.best)
        self.history.restored = True
        return True

    def save(self, path: Path) -> None:
        """Write everything that :meth:`resume` needs."""
        own = getattr(self.model, "training_state", None)
        memory = {
            "seed": self.seed,
            "history": self.history.as_dict(),
            "walk": self.walk.state(),
            "best": None if self.best is None else [to_numpy(v) for v in self.best],
            "waited": self.waited,
            "model": own() if own is not None else None,
        }
        save_checkpoint(path, self.model.params, self.optimizer, {"training": memory})

    def resume(self, path: Path) -> None:
        """Stand where the training stood that wrote the file."""
        params = self.model.params
        found = read_checkpoint(path, params)
        memory = found.extra.get("training") if isinstance(found.extra, dict) else None
        if memory is None:
            raise CheckpointError(f"{path}: expected a checkpoint that fit has written, got another")
        if memory["seed"] != self.seed:
            raise CheckpointError(
                f"{path}: expected a training with rng={self.seed}, got one with rng={memory['seed']}; "
                "remove the file to begin anew"
            )
        history = History(**memory["history"])
        for name, wanted, got in (
            ("steps", self.steps, len(history.step)),
            ("epochs", self.epochs, memory["walk"]["epoch"]),
        ):
            if wanted is not None and got > wanted:
                raise CheckpointError(f"{path}: expected at most {wanted} {name}, got a training after {got}")
        self.walk.load_state(memory["walk"])
        found.put(params, self.optimizer)
        if memory["model"] is not None:
            self.model.load_training_state(memory["model"])
        self.history, self.waited = history, memory["waited"]
        self.begun = self.done = len(history.step)
        if memory["best"] is not None:
            self.best = [from_numpy(a, v) for a, v in zip(memory["best"], params.vectors, strict=True)]


def copy_vectors(params: Parameters | ParameterGroup) -> list[Array]:
    """Return copies of the memory behind the parameters."""
    return [namespace(v).asarray(v, copy=True) for v in params.vectors]


def put_back(params: Parameters | ParameterGroup, vectors: list[Array]) -> None:
    """Undo everything since :func:`copy_vectors`."""
    for vector, old in zip(params.vectors, vectors, strict=True):
        vector[...] = old


def as_number(what: str, value: Any) -> float:
    """Return a Python number for a number or a 0-d array of any library."""
    host = to_numpy(value)
    if host.shape != ():
        raise TypeError(f"{what}: expected a number, got an array of shape {host.shape}")
    return float(host)
