"""The course's experiments: each claim that a chapter makes about learning, run with seeds and baselines.

    make experiments                     # all of them, two processes, one BLAS thread each
    .venv/bin/python -m experiments E2 E3

Every file ``e*.py`` here holds experiments; the last results lie in ``results/``, one file each.
"""
