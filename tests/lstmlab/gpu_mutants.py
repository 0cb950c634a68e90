"""What goes wrong when the LSTM is written in CUDA; :mod:`test_gpu_kernels` must object to each."""

from mutants import Mutant

CELL, STEP, TILES, LOOP = "lstm_cell.cu", "lstm_step.cu", "lstm_tiles.cu", "lstm_persistent.cu"
HOST = "cuda_lstm.py"

MUTANTS = [
    Mutant(
        "PyTorch's order of gates",
        CELL,
        "    at[0] = s.f;\n    at[H] = s.i;",
        "    at[0] = s.i;\n    at[H] = s.f;",
        "i before f: the arithmetic is right, the trace is not",
    ),
    Mutant("the half is forgotten", CELL, "tanh(REAL(0.5) * a)", "tanh(a)", "gates twice as sure"),
    Mutant(
        "no second path into the cell state",
        CELL,
        "    dC += dh * s.o * (REAL(1) - shown * shown);",
        "",
        "the gradient through h is lost",
    ),
    Mutant(
        "the forget gate's gradient reads C_t",
        CELL,
        "d.f = dC * C_prev",
        "d.f = dC * s.C",
        "C_t in place of C_{t-1}",
    ),
    Mutant(
        "the carousel of 1997", CELL, "d.C_prev = dC * s.f;", "d.C_prev = dC;", "the forget gate is left out"
    ),
    Mutant("o sees C", CELL, "d.o = dh * shown", "d.o = dh * s.C", "tanh left out on the way back"),
    Mutant(
        "no bias for the output gate", STEP, " + bias[3 * H + unit]", "", "three biases of four are added"
    ),
    Mutant("C_t for C_{t-1}", STEP, "bias[3 * H + unit], C[here]);", "bias[3 * H + unit], C[next]);", "late"),
    Mutant(
        "an ended sequence drops its state",
        STEP,
        "U[next] = running * s.h + (REAL(1) - running) * U[here];",
        "U[next] = running * s.h;",
        "a masked state falls to zero",
    ),
    Mutant(
        "an ended sequence swallows its gradient",
        STEP,
        "held[cell] = (REAL(1) - running) * dh;",
        "held[cell] = REAL(0);",
        "the last state's gradient never reaches its step",
    ),
    Mutant(
        "the step's own gradient is forgotten",
        STEP,
        "dh += dh_own[here];\n    }",
        "dh += REAL(0);\n    }",
        "only the last step has a loss",
    ),
    Mutant(
        "nobody waits",
        LOOP,
        "if (t > 0) wait(p.counter, unsigned(p.groups) * t);",
        "",
        "no barrier between steps: another block's h is of the step before",
    ),
    Mutant(
        "one step too early",
        LOOP,
        "unsigned(p.groups) * t);",
        "unsigned(p.groups) * (t - 1));",
        "the barrier counts from the wrong end",
    ),
    Mutant(
        "arrived before it is written",
        TILES,
        "    __syncthreads();\n    if (threadIdx.x == 0) {\n        __threadfence();\n        atomicAdd",
        "    if (threadIdx.x == 0) {\n        __threadfence();\n        atomicAdd",
        "one thread speaks for all, and asks none",
    ),
    Mutant(
        "partial sums read at once",
        TILES,
        "            }\n    }\n    __syncthreads();\n}",
        "            }\n    }\n}",
        "no barrier between writing and reading shared memory",
    ),
    Mutant(
        "the way back waits for one part too few",
        LOOP,
        "unsigned(p.groups) * (T - 1 - t));",
        "unsigned(p.groups) * (T - 1 - t) - 1);",
        "right nearly always",
    ),
    Mutant("seven warps of eight", TILES, "warp < WARPS;", "warp < WARPS - 1;", "an eighth is missing"),
    Mutant(
        "the tile's lower half",
        TILES,
        "at[(e / 2) * 8 * width(TILES)",
        "at[(1 - e / 2) * 8 * width(TILES)",
        "sequences swapped by eight",
    ),
    Mutant(
        "neighbours in k swapped",
        TILES,
        "first[4] = {up.x, down.x, up.y, down.y}",
        "first[4] = {up.x, up.y, down.x, down.y}",
        "fragments in the order one would expect, which is not the hardware's",
    ),
    Mutant(
        "the small parts are left out",
        TILES,
        "multiply_add(small[n], a_large, w_small);",
        "",
        "two products of three: only half of the factors are float",
    ),
    Mutant(
        "units past the last",
        TILES,
        "const bool inside = unit + n * tile_units < H && k < K;",
        "const bool inside = unit + n * tile_units < H;",
        "a sum over memory that is not this matrix's",
    ),
    Mutant(
        "an ended sequence swallows the cell's gradient",
        LOOP,
        "c = d.C_prev + ended * c;",
        "c = d.C_prev;",
        "as above, in the other kernel",
    ),
    Mutant(
        "the way back ends a step early",
        LOOP,
        "t >= -1; --t) {\n        if (t >= 0)",
        "t >= 0; --t) {\n        if (t >= 0)",
        "the first state gets no gradient through h",
    ),
    Mutant(
        "the sum of the parts is taken at once",
        LOOP,
        "            wait(counter, met += blocks);\n#pragma",
        "            met += blocks;\n#pragma",
        "the first of two waits: other blocks' parts are of the step before",
    ),
    Mutant(
        "the gradients of the gates are taken at once",
        LOOP,
        "        arrive(counter);\n        wait(counter, met += blocks);\n    }",
        "        arrive(counter);\n        met += blocks;\n    }",
        "the second of two waits",
    ),
    Mutant(
        "the last share is forgotten",
        LOOP,
        "for (int k = 0; k < shares; ++k)",
        "for (int k = 0; k < shares - 1; ++k)",
        "a share that is not full is a share",
    ),
    Mutant("no bias gradient", HOST, "    db += rows.sum(axis=0)\n", "", "db forgotten"),
    Mutant(
        "weights meet the state after the step",
        HOST,
        "xp.dot(rows.T, U[:T].reshape",
        "xp.dot(rows.T, U[1:].reshape",
        "h_t in place of h_{t-1}",
    ),
    Mutant(
        "gradients set, not added",
        HOST,
        "dW[:, n_h:] += ",
        "dW[:, n_h:] = ",
        "a weight that is used twice keeps one gradient",
    ),
    Mutant(
        "the last state's gradient is written over",
        HOST,
        'xp.array(dstate.C, order="C")  # copies',
        'xp.asarray(dstate.C, order="C")  # copies',
        "the caller's array is the scratch space",
    ),
]
