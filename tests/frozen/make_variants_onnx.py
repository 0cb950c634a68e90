"""Write variants_onnx.npz: ONNX Runtime's LSTM operator with peepholes, coupled gates, and both.

    python tests/frozen/make_variants_onnx.py       (needs onnx, onnxruntime; nothing of this project)

The operator computes in float32 and has no gradients. Its rows stand in the order i, o, f, c, its
peepholes in the order i, o, f. With input_forget=1 the runtime computes f = 1 - i from the rows of i
and never reads those of f.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

SIZES = {"small": (4, 2, 2, 3), "wide": (3, 3, 4, 2)}  # T, B, n_x, n_h
KINDS = {  # input_forget, whether P is given
    "peephole": (0, True),
    "coupled": (1, False),
    "coupled_peephole": (1, True),
}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
OUTPUTS = ("Y", "Y_h", "Y_c")


def record(kind: str, T: int, B: int, n_x: int, n_h: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Run the operator once and keep everything it was given and gave, in its own layout."""
    input_forget, peepholes = KINDS[kind]
    shapes = {"X": (T, B, n_x), "W": (1, 4 * n_h, n_x), "R": (1, 4 * n_h, n_h), "B": (1, 8 * n_h)}
    shapes |= {"initial_h": (1, B, n_h), "initial_c": (1, B, n_h)}
    shapes |= {"P": (1, 3 * n_h)} if peepholes else {}
    given = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    names = [name if name in given else "" for name in INPUTS]
    node = helper.make_node("LSTM", names, OUTPUTS, hidden_size=n_h, input_forget=input_forget)
    graph = helper.make_graph(
        [node],
        "lstm",
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
    """Record every size of every kind, with the runtime's version beside them."""
    rng = np.random.default_rng(0)
    arrays = {
        f"{kind}/{size}/{name}": a
        for kind in KINDS
        for size, sizes in SIZES.items()
        for name, a in record(kind, *sizes, rng).items()
    }
    arrays["onnxruntime_version"] = np.array(onnxruntime.__version__)
    np.savez_compressed(Path(__file__).with_name("variants_onnx.npz"), **arrays)


if __name__ == "__main__":
    main()
