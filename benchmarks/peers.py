"""LSTMs that are timed side by side, ours, others', and the machine's floor; and GRUs.

Each maker takes a size and the same float32 arrays, and returns two functions without arguments: the
forward pass, and forward and backward with all gradients (``None`` where the peer has none).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import lstmlab as ll
from lstmlab.kernels import small_products

from .sizes import Size

Call = Callable[[], Any]


class Data(NamedTuple):
    """Weights in lstmlab's layout and names, inputs, and the derivative by every hidden state."""

    cell: Any
    x: Any
    dh: Any


class Peer(NamedTuple):
    """The two functions to be timed, and what the forward one returns as ``(T, B, n_h)`` on the host."""

    forward: Call
    training: Call | None
    h: Callable[[], Any] | None


def data(size: Size, dtype: str = "float32", make: Callable[..., Any] = ll.LSTM) -> Data:
    """Return the same weights and arrays for every peer of a size."""
    rng = np.random.default_rng(0)
    cell = make(size.n_x, size.n_h, dtype=dtype, xp=np)
    x = rng.normal(size=(size.T, size.B, size.n_x)).astype(dtype)
    return Data(cell, x, rng.normal(size=(size.T, size.B, size.n_h)).astype(dtype))


def gru_data(size: Size) -> Data:
    """Return the same for a GRU with the reset after, as PyTorch has it."""
    return data(size, make=partial(ll.GRU, reset="after"))


def fused(size: Size, given: Data) -> Peer:
    """lstmlab as it is used: ``unroll`` and ``backprop``, their checks of the arguments included.

    The forward pass alone keeps no trace, as the others keep none.
    """
    cell, x, dh = given

    def training() -> Any:
        return ll.backprop(cell, ll.unroll(cell, x), dh)

    return Peer(lambda: ll.unroll(cell, x, trace=False), training, lambda: ll.unroll(cell, x, trace=False).h)


def six_equations(size: Size, given: Data) -> Peer:
    """lstmlab step by step: the code of the chapters, one product a gate."""
    cell, x, dh = given

    def forward() -> Any:
        with ll.kernels.plain():
            return ll.unroll(cell, x, trace=False)

    def training() -> Any:
        with ll.kernels.plain():
            return ll.backprop(cell, ll.unroll(cell, x), dh)

    return Peer(forward, training, lambda: forward().h)


def whole_products(size: Size, given: Data) -> Peer:
    """lstmlab as it is used, but with every product whole: what the blocks of rows are worth."""
    ours = fused(size, given)

    def never() -> bool:
        return False

    def whole(call: Call) -> Call:
        def run() -> Any:
            held, small_products.pays = small_products.pays, never
            try:
                return call()
            finally:
                small_products.pays = held

        return run

    return Peer(whole(ours.forward), whole(ours.training or ours.forward), ours.h)


def floor(size: Size, given: Data) -> Peer:
    """What NumPy cannot do without: a product of this shape a step, the element-wise work in one sweep."""
    cell, x, _ = given
    B, T, n_x, n_h = size
    product, W = small_products.in_blocks(np.concatenate([cell.W, cell.b[:, None]], axis=1), B)
    u, a = np.ones((n_h + n_x + 1, B), x.dtype), np.empty((*W.shape[:-1], B), x.dtype)
    steps = max(1, min(T, 2**18 // (4 * n_h * B)))
    slab, state = np.ones((steps, 4 * n_h, B), x.dtype), np.ones((steps, n_h, B), x.dtype)
    other, half = np.ones_like(state), np.array(0.5, x.dtype)
    vectors = (u[:, 0], a[:, 0]) if B == 1 else (u, a)

    def forward() -> None:
        for _ in range(T):
            product(W, *vectors)
        for _ in range(0, T, steps):
            np.tanh(slab, slab)
            np.multiply(slab[:, : 3 * n_h], half, slab[:, : 3 * n_h])
            np.add(slab[:, : 3 * n_h], half, slab[:, : 3 * n_h])
            for _ in range(3):
                np.multiply(state, other, state)
            np.add(state, other, state)
            np.tanh(state, state)

    return Peer(forward, None, None)


def torch_lstm(size: Size, given: Data) -> Peer:
    """PyTorch's ``nn.LSTM`` as it comes: oneDNN on a processor."""
    torch: Any = importlib.import_module("torch")
    cell, x, dh = given
    net = torch.nn.LSTM(size.n_x, size.n_h)
    order = ("i", "f", "C", "o")
    with torch.no_grad():
        W = np.concatenate([cell.params[f"W_{g}"] for g in order])
        net.weight_hh_l0.copy_(torch.tensor(W[:, : size.n_h].copy()))
        net.weight_ih_l0.copy_(torch.tensor(W[:, size.n_h :].copy()))
        net.bias_ih_l0.copy_(torch.tensor(np.concatenate([cell.params[f"b_{g}"] for g in order])))
        net.bias_hh_l0.zero_()
    return torch_peer(net, x, dh)


def torch_gru(size: Size, given: Data) -> Peer:
    """PyTorch's ``nn.GRU``: the reset after the product, gates in the order r, z, n, and a z that keeps."""
    torch: Any = importlib.import_module("torch")
    cell, x, dh = given
    net, n_h = torch.nn.GRU(size.n_x, size.n_h), size.n_h
    params = cell.params
    with torch.no_grad():
        W = np.concatenate([params["W_r"], -params["W_z"], params["W"]])
        b = np.concatenate([params["b_r"], -params["b_z"], params["b_h"]])
        net.weight_hh_l0.copy_(torch.tensor(W[:, :n_h].copy()))
        net.weight_ih_l0.copy_(torch.tensor(W[:, n_h:].copy()))
        net.bias_ih_l0.copy_(torch.tensor(b))
        net.bias_hh_l0.zero_()
        net.bias_hh_l0[2 * n_h :].copy_(torch.tensor(params["b_hh"]))
    return torch_peer(net, x, dh)


def torch_peer(net: Any, x: Any, dh: Any) -> Peer:
    """Return both passes of one of PyTorch's networks."""
    torch: Any = importlib.import_module("torch")
    tx, tdh = torch.tensor(x, requires_grad=True), torch.tensor(dh)

    def forward() -> Any:
        with torch.no_grad():
            return net(tx)[0]

    def training() -> None:
        net.zero_grad()
        tx.grad = None
        net(tx)[0].backward(tdh)

    return Peer(forward, training, lambda: forward().numpy())


def onnx_runtime(size: Size, given: Data) -> Peer:
    """ONNX Runtime's LSTM operator, forward only."""
    onnx: Any = importlib.import_module("onnx")
    ort: Any = importlib.import_module("onnxruntime")
    cell, x, _ = given
    order = ("i", "o", "f", "C")
    W = np.concatenate([cell.params[f"W_{g}"] for g in order])
    b = np.concatenate([cell.params[f"b_{g}"] for g in order])
    constants = {
        "W": W[None, :, size.n_h :],
        "R": W[None, :, : size.n_h],
        "B": np.concatenate([b, np.zeros_like(b)])[None],
    }
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], hidden_size=size.n_h)],
        "lstm",
        [helper.make_tensor_value_info("X", kind, x.shape)],
        [helper.make_tensor_value_info("Y", kind, [size.T, 1, size.B, size.n_h])],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Peer(lambda: session.run(None, {"X": x}), None, lambda: session.run(None, {"X": x})[0][:, 0])


def jax_scan(size: Size, given: Data) -> Peer:
    """JAX: a compiled ``lax.scan`` with the input's product before the loop, and its ``vjp``."""
    jax: Any = importlib.import_module("jax")
    jnp: Any = importlib.import_module("jax.numpy")
    cell, x, dh = given
    n_h = size.n_h
    params = (jnp.asarray(cell.W[:, :n_h]), jnp.asarray(cell.W[:, n_h:]), jnp.asarray(cell.b))

    def run(params: Any, x: Any) -> Any:
        W_h, W_x, b = params
        inputs = x @ W_x.T + b

        def step(carry: Any, a_x: Any) -> Any:
            h, C = carry
            f, i, C_tilde, o = jnp.split(a_x + h @ W_h.T, 4, axis=-1)
            C = jax.nn.sigmoid(f) * C + jax.nn.sigmoid(i) * jnp.tanh(C_tilde)
            h = jax.nn.sigmoid(o) * jnp.tanh(C)
            return (h, C), h

        zeros = jnp.zeros((x.shape[1], n_h), x.dtype)
        return jax.lax.scan(step, (zeros, zeros), inputs)[1]

    def both(params: Any, x: Any, dh: Any) -> Any:
        return jax.vjp(run, params, x)[1](dh)

    run_, both_, jx, jdh = jax.jit(run), jax.jit(both), jnp.asarray(x), jnp.asarray(dh)
    return Peer(
        lambda: run_(params, jx).block_until_ready(),
        lambda: jax.block_until_ready(both_(params, jx, jdh)),
        lambda: np.asarray(run_(params, jx)),
    )


def threads() -> int:
    """Return the number of threads this process was started for."""
    import os

    return int(os.environ["OMP_NUM_THREADS"])


OURS = {
    "lstmlab": fused,
    "six equations": six_equations,
    "whole products": whole_products,
    "floor": floor,
}
#: Our GRU, the reset after, and step by step; in the set of torch its own beside them.
OURS_GRU = {"lstmlab": fused, "step by step": six_equations}
#: Peer sets: each is timed in a process of its own, beside ours, because their thread pools quarrel.
SETS = {"torch": torch_lstm, "onnxruntime": onnx_runtime, "jax": jax_scan}
