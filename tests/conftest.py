"""Settings that must stand before NumPy and Matplotlib are imported."""

import os

# Two test processes on two cores: a thread pool in each would make both slower, and sums over threads
# differ in the last digit.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("LSTMLAB_BACKEND", "numpy")

if os.environ["LSTMLAB_BACKEND"] == "strict":
    from quick_strict import quicken

    quicken()

# Scripts that make the frozen files: they need the other implementation itself.
collect_ignore = ["frozen"]
