"""Time lstmlab beside PyTorch's cuDNN on a CUDA device: python -m benchmarks.gpu [--rounds 9] [--report].

Both run in one process and take turns, one process for float32 and one for TF32, which both libraries read
once. A call is timed from its start to the end of all its work on the device. Written: one file a machine,
benchmarks/results/gpu-*.json, and a section of benchmarks/README.md. Without a device, or without PyTorch,
it says so, writes nothing, and exits with 0.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import lstmlab as ll
from lstmlab.backend import _cupy_trouble
from lstmlab.kernels import cuda_plan

from .report import HERE, cell, heading, line, percent, ratio, spread
from .sizes import Size

SIZES = tuple(Size(64, T, n_h // 2, n_h) for n_h in (256, 512, 1024) for T in (100, 1000))
BEGIN, END = "<!-- made by python -m benchmarks.gpu -->\n", "<!-- end of what a device measured -->\n"
#: How far results may lie apart, as a share of the largest entry, before nothing is timed.
ALLOWED = {False: 1e-4, True: 3e-2}
#: Widest cells that each version runs in one launch: forward, on the way back, there with two waits a step.
VERSIONS = {
    "lstmlab": tuple(cuda_plan.WIDEST.values()),
    "a launch a step": (0, 0, 0),
    "one wait a step": (1024, 1024, 0),
    "two waits back": (1024, 0, 1024),
}
Call = Callable[[], Any]


def trouble() -> str | None:
    """Say what is missing here, or return ``None`` if everything is there."""
    found = _cupy_trouble()
    if found is not None:
        return found
    try:
        torch: Any = importlib.import_module("torch")
        if not torch.cuda.is_available():
            return f"PyTorch {torch.__version__} sees no CUDA device"
    except ImportError:
        return "PyTorch is not installed"
    return None


@contextmanager
def widest(*limits: int) -> Iterator[None]:
    """Choose another version of the kernels inside a ``with`` block."""
    before = dict(cuda_plan.WIDEST)
    cuda_plan.WIDEST.update(zip(before, limits, strict=True))
    try:
        yield
    finally:
        cuda_plan.WIDEST.update(before)


def ours(size: Size, x: Any, dh: Any, limits: tuple[int, ...]) -> tuple[Any, Call, Call]:
    """Return the cell, its forward pass, and forward and backward."""
    lstm = ll.LSTM(size.n_x, size.n_h, dtype="float32", xp=ll.get_xp("cupy"))

    def forward() -> Any:
        with widest(*limits):
            return ll.unroll(lstm, x)

    def training() -> Any:
        with widest(*limits):
            return ll.backprop(lstm, ll.unroll(lstm, x), dh)

    return lstm, forward, training


def theirs(size: Size, lstm: Any, x: Any, dh: Any) -> tuple[Any, Call, Call]:
    """Return PyTorch's ``nn.LSTM`` with the same weights, and the same two passes."""
    torch: Any = importlib.import_module("torch")
    net = torch.nn.LSTM(size.n_x, size.n_h).cuda()
    names = {n: ll.to_numpy(lstm.params[n]) for n in lstm.params}
    W = np.concatenate([names[f"W_{g}"] for g in ("i", "f", "C", "o")])
    b = np.concatenate([names[f"b_{g}"] for g in ("i", "f", "C", "o")])
    with torch.no_grad():
        net.weight_hh_l0.copy_(torch.tensor(np.ascontiguousarray(W[:, : size.n_h])))
        net.weight_ih_l0.copy_(torch.tensor(np.ascontiguousarray(W[:, size.n_h :])))
        net.bias_ih_l0.copy_(torch.tensor(b))
        net.bias_hh_l0.zero_()
    tx = torch.tensor(ll.to_numpy(x), device="cuda", requires_grad=True)
    tdh = torch.tensor(ll.to_numpy(dh), device="cuda")

    def forward() -> Any:
        with torch.no_grad():
            return net(tx)[0]

    def training() -> Any:
        net.zero_grad()
        tx.grad = None
        net(tx)[0].backward(tdh)
        return tx.grad, net.weight_hh_l0.grad

    return net, forward, training


def apart(a: Any, b: Any) -> float:
    """Return the largest difference of two arrays as a share of the largest entry."""
    return float(np.max(np.abs(a - b)) / max(float(np.max(np.abs(b))), 1e-30))


def difference(size: Size, mine: tuple[Any, Call, Call], other: tuple[Any, Call, Call]) -> float:
    """Return how far outputs, and gradients of the input and of the recurrent weights, lie apart."""
    back, (tdx, tdW) = mine[2](), other[2]()
    dW = np.concatenate([ll.to_numpy(back.grads[f"W_{g}"])[:, : size.n_h] for g in ("i", "f", "C", "o")])
    pairs = [(ll.to_numpy(mine[1]().h), other[1]().cpu().numpy())]
    pairs += [(ll.to_numpy(back.dx), tdx.cpu().numpy()), (dW, tdW.cpu().numpy())]
    return max(apart(a, b) for a, b in pairs)


def measure(calls: dict[str, Call], wait: Call, rounds: int) -> dict[str, list[float]]:
    """Return seconds a call, one number a round, everybody taking a turn in each round."""

    def once(call: Call, repeats: int) -> float:
        wait()
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        wait()
        return (time.perf_counter() - start) / repeats

    repeats = {}
    for name, call in calls.items():
        once(call, 2)  # compiles, allocates
        repeats[name] = max(1, min(50, int(0.1 / once(call, 1))))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(once(call, repeats[name]))
    return found


def run_size(size: Size, tf32: bool, rounds: int) -> dict[str, Any]:
    """Compare and time one size."""
    cupy, torch = (importlib.import_module(name) for name in ("cupy", "torch"))
    rng = np.random.default_rng(0)
    x = cupy.asarray(rng.normal(size=(size.T, size.B, size.n_x)).astype("float32"))
    dh = cupy.asarray(rng.normal(size=(size.T, size.B, size.n_h)).astype("float32"))
    versions = {name: ours(size, x, dh, limits) for name, limits in VERSIONS.items()}
    cudnn = theirs(size, versions["lstmlab"][0], x, dh)
    apart_by = {name: difference(size, mine, cudnn) for name, mine in versions.items()}
    if max(apart_by.values()) > ALLOWED[tf32]:
        raise RuntimeError(f"{size}: the implementations differ, {apart_by}: nothing was timed")

    def wait() -> None:
        cupy.cuda.Device().synchronize()
        torch.cuda.synchronize()

    everybody = versions | {"torch": cudnn}
    forward = measure({name: each[1] for name, each in everybody.items()}, wait, rounds)
    training = measure({name: each[2] for name, each in everybody.items()}, wait, rounds)
    return {"size": list(size), "difference": apart_by, "forward": forward, "training": training}


def worker(tf32: bool, rounds: int) -> None:
    """Time all sizes in this process and print the result as the last line."""
    cupy, torch = (importlib.import_module(name) for name in ("cupy", "torch"))
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    sizes = []
    for size in SIZES:
        print(f"{'TF32' if tf32 else 'float32'} {size} ...", file=sys.stderr, flush=True)
        sizes.append(run_size(size, tf32, rounds))
        cupy.get_default_memory_pool().free_all_blocks()
        torch.cuda.empty_cache()
    device = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    found = {
        "machine": device["name"].decode(),
        "capability": cupy.cuda.Device().compute_capability,
        "cupy": cupy.__version__,
        "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version(),
        "run": {"tf32": tf32, "sizes": sizes},
    }
    print(json.dumps(found))


def results() -> list[dict[str, Any]]:
    """Return what is stored, one entry a machine."""
    files = sorted((HERE / "results").glob("gpu-*.json"))
    return [json.loads(path.read_text(encoding="utf8")) for path in files]


def machine_report(found: dict[str, Any]) -> list[str]:
    """Return the tables of one machine: our time divided by cuDNN's."""
    lines = [f"### {found['machine']}", ""]
    lines += [f"CuPy {found['cupy']}, PyTorch {found['torch']} with cuDNN {found['cudnn']}.", ""]
    names = list(VERSIONS)
    for run in found["runs"]:
        for kind, words in (("forward", "forward"), ("training", "forward and backward, all gradients")):
            lines += [f"**{'TF32' if run['tf32'] else 'float32'}, {words}.**", ""]
            lines += heading(["(B, T, n_x, n_h)", *names, "spread"])
            for row in run["sizes"]:
                shown = [cell(ratio(row[kind], name, "torch")) for name in names]
                shown.append(percent(spread(row[kind]["lstmlab"])))
                lines.append(line([str(Size(*row["size"])), *shown]))
            lines.append("")
    return lines


def section(found: list[dict[str, Any]]) -> str:
    """Return the part of README.md between the two marks."""
    lines = [line for each in found for line in machine_report(each)] or ["Not yet measured.", ""]
    return "\n" + "\n".join(lines)


def write_report() -> None:
    """Write the section of benchmarks/README.md."""
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf8").partition(BEGIN)
    text = before + BEGIN + section(results()) + END + rest.partition(END)[2]
    readme.write_text(text, encoding="utf8", newline="\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often everybody takes a turn")
    parser.add_argument("--report", action="store_true", help="time nothing, make the section anew")
    parser.add_argument("--worker", choices=("float32", "tf32"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.worker:
        worker(options.worker == "tf32", options.rounds)
        return 0
    if not options.report:
        missing = trouble()
        if missing is not None:
            print(f"Nothing was timed: {missing}.")
            return 0
        runs: list[dict[str, Any]] = []
        for kind in ("float32", "tf32"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.gpu",
                "--worker",
                kind,
                "--rounds",
                str(options.rounds),
            ]
            environment = os.environ | {"CUPY_TF32": str(int(kind == "tf32"))}
            done = subprocess.run(
                command, cwd=HERE.parent, env=environment, stdout=subprocess.PIPE, text=True, check=False
            )
            if done.returncode:
                print(f"{kind}: failed ({done.returncode}); nothing is written")
                return 1
            runs.append(json.loads(done.stdout.splitlines()[-1]))
        head = {name: value for name, value in runs[0].items() if name != "run"}
        found = head | {"system": platform.platform(), "runs": [run["run"] for run in runs]}
        name = re.sub(r"[^a-z0-9]+", "-", found["machine"].lower()).strip("-")
        file = HERE / "results" / f"gpu-{name}.json"
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf8")
        print(f"written: {file.relative_to(HERE.parent)}")
        print(f"median ratio to cuDNN: {statistics.median(medians(found)):.2f} over all sizes and passes")
    write_report()
    return 0


def medians(found: dict[str, Any]) -> list[float]:
    """Return our time divided by cuDNN's for every size and pass."""
    rows = [row[kind] for run in found["runs"] for row in run["sizes"] for kind in ("forward", "training")]
    return [value for row in rows if (value := ratio(row, "lstmlab", "torch")) is not None]


if __name__ == "__main__":
    sys.exit(main())
