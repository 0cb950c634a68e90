"""Write gru_onnx.npz: ONNX Runtime's GRU operator, with the reset before and after the product.

    python tests/frozen/make_gru_onnx.py        (needs onnx, onnxruntime; nothing of this project)

The operator computes in float32 and has no gradients. Its gate z keeps the old state, its rows stand
in the order z, r, h, and B holds the three biases beside the input, then the three beside the state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

SIZES = {"small": (4, 2, 2, 3), "wide": (3, 3, 4, 2)}  # T, B, n_x, n_h
RESETS = {"before": 0, "after": 1}  # linear_before_reset: the product comes before the reset, or not
OUTPUTS = ("Y", "Y_h")


def record(reset: str, T: int, B: int, n_x: int, n_h: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Run the operator once and keep everything it was given and gave, in its own layout."""
    shapes = {"X": (T, B, n_x), "W": (1, 3 * n_h, n_x), "R": (1, 3 * n_h, n_h), "B": (1, 6 * n_h)}
    shapes["initial_h"] = (1, B, n_h)
    given = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    node = helper.make_node(
        "GRU",
        ["X", "W", "R", "B", "", "initial_h"],
        OUTPUTS,
        hidden_size=n_h,
        linear_before_reset=RESETS[reset],
    )
    graph = helper.make_graph(
        [node],
        "gru",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in given.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in OUTPUTS],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return given | dict(zip(OUTPUTS, session.run(list(OUTPUTS), given), strict=True))


def main() -> None:
    """Record every size of both forms, with the runtime's version beside them."""
    rng = np.random.default_rng(0)
    arrays = {
        f"{reset}/{size}/{name}": a
        for reset in RESETS
        for size, sizes in SIZES.items()
        for name, a in record(reset, *sizes, rng).items()
    }
    arrays["onnxruntime_version"] = np.array(onnxruntime.__version__)
    np.savez_compressed(Path(__file__).with_name("gru_onnx.npz"), **arrays)


if __name__ == "__main__":
    main()
