// One cell of the LSTM: what a step does to one unit of one sequence, and its mirror.
// The other two sources follow this one in the same compilation. REAL is float or double.

#ifndef REAL
#define REAL float
#endif

#ifndef LSTMLAB_EMULATED
#define KERNEL extern "C" __global__
#endif

struct Cell {
    REAL f, i, C_tilde, o, C, h;
};

struct CellGradient {
    REAL f, i, C_tilde, o, C_prev;
};

__device__ __forceinline__ REAL sigmoid(REAL a) {
    return REAL(0.5) * tanh(REAL(0.5) * a) + REAL(0.5);
}

// The six equations, from the four pre-activations.
__device__ __forceinline__ Cell step(REAL a_f, REAL a_i, REAL a_C, REAL a_o, REAL C_prev) {
    Cell s;
    s.f = sigmoid(a_f);
    s.i = sigmoid(a_i);
    s.C_tilde = tanh(a_C);
    s.o = sigmoid(a_o);
    s.C = s.f * C_prev + s.i * s.C_tilde;
    s.h = s.o * tanh(s.C);
    return s;
}

// Their mirror: the gradients of the pre-activations, and of the cell state before the step.
__device__ __forceinline__ CellGradient step_back(REAL dh, REAL dC, const Cell& s, REAL C_prev) {
    CellGradient d;
    const REAL shown = tanh(s.C);
    dC += dh * s.o * (REAL(1) - shown * shown);
    d.f = dC * C_prev * s.f * (REAL(1) - s.f);
    d.i = dC * s.C_tilde * s.i * (REAL(1) - s.i);
    d.C_tilde = dC * s.i * (REAL(1) - s.C_tilde * s.C_tilde);
    d.o = dh * shown * s.o * (REAL(1) - s.o);
    d.C_prev = dC * s.f;
    return d;
}

// The four gates of one cell stand H apart, in the order f, i, C, o.
__device__ __forceinline__ void store_gates(REAL* at, int H, const Cell& s) {
    at[0] = s.f;
    at[H] = s.i;
    at[2 * H] = s.C_tilde;
    at[3 * H] = s.o;
}

__device__ __forceinline__ Cell load_gates(const REAL* at, int H, REAL C) {
    Cell s;
    s.f = at[0];
    s.i = at[H];
    s.C_tilde = at[2 * H];
    s.o = at[3 * H];
    s.C = C;
    s.h = REAL(0);
    return s;
}

__device__ __forceinline__ void store_deltas(REAL* at, int H, const CellGradient& d) {
    at[0] = d.f;
    at[H] = d.i;
    at[2 * H] = d.C_tilde;
    at[3 * H] = d.o;
}
