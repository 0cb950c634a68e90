r"""Forecasting: the next values of a series, one after the other or all at once.

The notes write x_{t+1} = LSTM(x_t, ..., x_{t-k}) and [x_{t+1}, y_{t+1}] = LSTM([x_t, y_t, z_t], h_{t-1}).
Three things are missing there. The hidden state lies in (-1, 1), so a linear layer has to read the values
out. The cell state is carried along with h. And z is read but not predicted: whoever wants a second step
has to bring its values.

Here y is what is predicted, z what comes from outside, and the network reads :math:`x_t = [y_t; z_t]`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lstmlab.backend import namespace
from lstmlab.checks import check_array, check_size
from lstmlab.initializers import generator
from lstmlab.layers import Linear, LinearTrace
from lstmlab.losses import mean_squared_error
from lstmlab.models.base import BaseModel, as_batch, beside, moved
from lstmlab.typing import Array, Cell, State, Trace
from lstmlab.unroll import Run, sequence_back, unroll, zero_state
from lstmlab.wrappers import check_steps

MODES = ("recursive", "direct")


class ForecastBatch(NamedTuple):
    """The past of a series, and what came next. :class:`~lstmlab.data.Windows` has these fields too.

    Attributes
    ----------
    x
        The past, ``(T, B, n_x)``: the n_y columns that are predicted, then the n_z that come from outside.
    y
        What is to be predicted, ``(horizon, B, n_y)``: the first row follows the last of ``x``.
    future
        What comes from outside beside ``y``, ``(at least horizon - 1, B, n_z)``: row k stands beside row k of
        ``y``. ``None`` where nothing does, or one step is predicted.
    """

    x: Array
    y: Array
    future: Array | None = None


class Forecast(NamedTuple):
    """What a forecast leaves for the way back.

    Attributes
    ----------
    y_hat
        The forecast, ``(steps, B, n_y)``.
    run
        The run over the past.
    steps
        Traces of the cell's steps on forecasts.
    read
        Traces of the read-out.
    """

    y_hat: Array
    run: Run
    steps: list[Trace]
    read: list[LinearTrace]


class ForecasterForward(NamedTuple):
    """What a forward pass leaves for the way back."""

    loss: float
    dy_hat: Array
    forecast: Forecast


class Forecaster(BaseModel):
    r"""A cell that reads the past, and a linear read-out of its last hidden state.

    ``"recursive"``: :math:`\hat y_{T+1} = V h_T + c`; the next step reads :math:`[\hat y_{T+1}; z_{T+1}]`,
    the state goes on, and so forth. One set of weights serves any number of steps, and mistakes are read
    again. ``"direct"``: all steps from the same hidden state, :math:`\hat y_{T+k} = V_k h_T + c_k`. Trained
    by the mean squared error, both predict a conditional mean. Scale by the training part alone.

    Parameters
    ----------
    cell
        A cell or stack; its ``n_x`` is n_y + n_z.
    n_y
        Number of columns predicted, the first ones of ``x``.
    horizon
        Steps that count in the loss. A direct forecast has exactly as many; a recursive one may be made
        longer later.
    mode
        ``"recursive"`` or ``"direct"``.
    residual
        Whether the read-out adds to the last value, :math:`\hat y_{T+1} = y_T + V h_T + c` (direct: to the
        last known one, for every step), so that a network that has learnt nothing yet repeats it.
    rng
        Seed or generator of the read-out's first weights.

    Attributes
    ----------
    parts
        ``cell`` and ``out``.

    Raises
    ------
    TypeError, ValueError
        If the cell cannot be stepped, has fewer inputs than are predicted, or an option is not as above.
    """

    def __init__(
        self,
        cell: Cell,
        n_y: int,
        horizon: int = 1,
        *,
        mode: str = "recursive",
        residual: bool = False,
        rng: int | np.random.Generator = 0,
    ) -> None:
        check_steps(cell, "cell")
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}, got {mode!r}")
        if check_size("n_y", n_y) > cell.n_x:
            raise ValueError(
                f"n_y: expected at most the cell's n_x = {cell.n_x}, because the past of y is read, got {n_y}"
            )
        self.cell, self.mode, self.residual = cell, mode, bool(residual)
        self.n_y, self.n_z, self.horizon = n_y, cell.n_x - n_y, check_size("horizon", horizon)
        n_out = n_y * (self.horizon if mode == "direct" else 1)
        self.out = Linear(cell.n_h, n_out, rng=generator(rng), **beside(cell.params.vectors[0]))
        super().__init__({"cell": cell, "out": self.out})

    def forecast(self, x: Array, future: Array | None = None, steps: int | None = None) -> Forecast:
        r"""Forecast, with noise if ``training`` is on; arguments as for :meth:`predict`.

        Implements :eq:`eq-forecast-one`: the first value, in either mode, is read out of the state after
        the past, :math:`\hat y_{T+1} = V h_T + c`, plus :math:`y_T` if the forecaster is residual.
        """
        x, future, steps = self._checked(x, future, steps)
        run = unroll(self.cell, x)
        last = x[-1, :, : self.n_y]
        return self._direct(run, last) if self.mode == "direct" else self._recursive(run, last, future, steps)

    def predict(self, x: Array, future: Array | None = None, steps: int | None = None) -> Array:
        """Forecast without noise.

        Parameters
        ----------
        x
            The past, ``(T, B, n_y + n_z)``.
        future
            What comes from outside during the forecast, ``(at least steps - 1, B, n_z)``: row k stands beside
            forecast k, and is read to make the next one. Later rows are not read.
        steps
            Length of the forecast; ``None`` takes the horizon. Only a recursive one can differ from it.

        Returns
        -------
        array
            Shape ``(steps, B, n_y)``.

        Raises
        ------
        TypeError, ValueError
            If an array does not fit, or ``future`` is missing where it is needed.
        """
        with self.evaluation():
            return self.forecast(x, future, steps).y_hat

    def forward(self, batch: Any) -> ForecasterForward:
        r"""Forecast and compare, :math:`L = \frac1N\sum_{k,b}\lVert\hat y_{T+k}-y_{T+k}\rVert^2`.

        Implements :eq:`eq-forecast-loss`.

        A recursive forecast reads its own values here too, as it will when it is used, and the gradient
        goes through them.

        Parameters
        ----------
        batch
            A :class:`ForecastBatch`.

        Returns
        -------
        ForecasterForward
            ``loss``, a mean over the N numbers, and the traces.
        """
        x, y, future = as_batch(ForecastBatch, batch)
        y = moved(y, self.like)
        made = self.forecast(x, future)
        check_array("y", y, tuple(made.y_hat.shape), self.like)
        loss, dy_hat = mean_squared_error(made.y_hat, y)
        return ForecasterForward(loss, dy_hat, made)

    def backward(self, done: ForecasterForward, grads: Any) -> None:
        """Mirror of :meth:`forward`; adds into ``grads``."""
        _, dy_hat, (_, run, steps, read) = done
        back = self._direct_back if self.mode == "direct" else self._recursive_back
        dstate = back(dy_hat, steps, read, grads)
        sequence_back(self.cell, run.trace, run.mask, 0.0 * run.h, dstate, grads.parts["cell"])

    def _recursive(self, run: Run, y_t: Array, future: Array | None, n: int) -> Forecast:
        r"""Forecast step by step.

        Implements :eq:`eq-forecast-recursive`: the cell reads :math:`[\hat y_{T+k}; z_{T+k}]` from the
        state (h, C) of the step before.
        """
        xp, state = namespace(y_t), run.state
        y_hat, steps, read = [], list[Trace](), []
        for k in range(n):
            if k > 0:
                x_t = y_t if future is None else xp.concat([y_t, future[k - 1, ...]], axis=1)
                state, trace = self.cell.step(x_t, state)
                steps.append(trace)
            change, looked = self.out.forward(state.h)
            y_t = y_t + change if self.residual else change
            y_hat.append(y_t)
            read.append(looked)
        return Forecast(xp.stack(y_hat), run, steps, read)

    def _recursive_back(
        self, dy_hat: Array, steps: list[Trace], read: list[LinearTrace], grads: Any
    ) -> State:
        """Mirror of :meth:`_recursive`; return the gradient of the state after the past.

        Implements :eq:`eq-forecast-back`: a forecast hears of its own error, and, where the next step
        read it, of all later ones.
        """
        dstate, dy_next = zero_state(self.cell, dy_hat.shape[1]), 0.0 * dy_hat[0, ...]
        for k in reversed(range(dy_hat.shape[0])):
            dy_t = dy_hat[k, ...] + dy_next
            dh = self.out.backward(dy_t, read[k], grads.parts["out"])
            dstate = dstate._replace(h=dstate.h + dh)
            if k > 0:
                dx_t, dstate = self.cell.step_back(dstate, steps[k - 1], grads.parts["cell"])
                dy_next = dx_t[:, : self.n_y] + (dy_t if self.residual else 0.0)
        return dstate

    def _direct(self, run: Run, last: Array) -> Forecast:
        r"""Forecast all steps from one state.

        Implements :eq:`eq-forecast-direct`: :math:`\hat y_{T+k} = V_k h_T + c_k`.
        """
        xp, B = namespace(last), last.shape[0]
        flat, looked = self.out.forward(run.state.h)
        y_hat = xp.permute_dims(xp.reshape(flat, (B, self.horizon, self.n_y)), (1, 0, 2))
        return Forecast(y_hat + last if self.residual else y_hat, run, [], [looked])

    def _direct_back(self, dy_hat: Array, steps: list[Trace], read: list[LinearTrace], grads: Any) -> State:
        """Mirror of :meth:`_direct`.

        Implements :eq:`eq-direct-back`: the state hears of the errors of all steps at once.
        """
        xp, B = namespace(dy_hat), dy_hat.shape[1]
        dflat = xp.reshape(xp.permute_dims(dy_hat, (1, 0, 2)), (B, self.horizon * self.n_y))
        dh = self.out.backward(dflat, read[0], grads.parts["out"])
        return zero_state(self.cell, B)._replace(h=dh)

    def _checked(self, x: Any, future: Any, steps: int | None) -> tuple[Array, Array | None, int]:
        """Return past, future and number of steps, or say what does not fit."""
        x, n = moved(x, self.like), self.horizon if steps is None else check_size("steps", steps)
        check_array("x", x, ("T", "B", self.cell.n_x), self.like)
        if self.mode == "direct":
            if n != self.horizon or future is not None:
                raise ValueError(
                    f"steps, future: expected {self.horizon} (the horizon) and None in a direct forecast, "
                    f"which reads nothing after the origin, got {n} and {type(future).__name__}"
                )
            return x, None, n
        if self.n_z == 0:
            if future is not None:
                raise ValueError("future: expected None, because all inputs are predicted, got one")
            return x, None, n
        rows = f"(at least {n - 1}, {x.shape[1]}, {self.n_z})"
        if future is None:
            if n == 1:
                return x, None, n
            raise ValueError(
                f"future: expected an array {rows}, because {self.n_z} of the inputs come from outside and "
                f"are not predicted: a forecast of {n} steps needs their next {n - 1} values, got None"
            )
        future = moved(future, self.like)
        check_array("future", future, ("K", x.shape[1], self.n_z), self.like)
        if future.shape[0] < n - 1:
            raise ValueError(f"future: expected shape {rows}, got {tuple(future.shape)}")
        return x, future, n
