// Everything of one time step but the recurrent product, one thread a cell; one launch a step.
//
// Shapes: gates and delta (T, B, 4H); U and C (T + 1, B, H), the states before each step and the last;
// h_new and C_new (T, B, H), which without a mask are U and C one step on; mask (T, B) or null.

// `gates` holds the input's part of the pre-activations, and holds the gates afterwards.
KERNEL void lstm_step(REAL* gates, const REAL* product, const REAL* bias, REAL* U, REAL* C, REAL* h_new,
                      REAL* C_new, const REAL* mask, int t, int B, int H) {
    const int cell = blockIdx.x * blockDim.x + threadIdx.x;
    if (cell >= B * H) return;
    const int b = cell / H, unit = cell - b * H;
    const size_t size = size_t(B) * H, here = t * size + cell, next = here + size;
    REAL* at = gates + (size_t(t) * B + b) * 4 * H + unit;
    const REAL* own = product + size_t(b) * 4 * H + unit;

    const Cell s = step(at[0] + own[0] + bias[unit], at[H] + own[H] + bias[H + unit],
                        at[2 * H] + own[2 * H] + bias[2 * H + unit],
                        at[3 * H] + own[3 * H] + bias[3 * H + unit], C[here]);
    store_gates(at, H, s);
    h_new[here] = s.h;
    C_new[here] = s.C;
    if (mask) {  // a sequence that has ended keeps its state
        const REAL running = mask[size_t(t) * B + b];
        U[next] = running * s.h + (REAL(1) - running) * U[here];
        C[next] = running * s.C + (REAL(1) - running) * C[here];
    }
}

// `product` is what step t + 1 passed back to h, `dC` what it passed back to C, both (B, H); `held` is
// what goes past an ended sequence's step.
KERNEL void lstm_step_back(REAL* delta, REAL* dC, REAL* held, const REAL* product, const REAL* dh_own,
                           const REAL* gates, const REAL* C, const REAL* C_new, const REAL* mask, int t,
                           int B, int H) {
    const int cell = blockIdx.x * blockDim.x + threadIdx.x;
    if (cell >= B * H) return;
    const int b = cell / H, unit = cell - b * H;
    const size_t here = t * (size_t(B) * H) + cell, row = (size_t(t) * B + b) * 4 * H + unit;

    const Cell s = load_gates(gates + row, H, C_new[here]);
    REAL dh = product[cell], dC_here = dC[cell], dC_held = REAL(0);
    if (mask) {  // a sequence that has ended hands its gradient on as it is
        const REAL running = mask[size_t(t) * B + b];
        dh += held[cell];
        held[cell] = (REAL(1) - running) * dh;
        dC_held = (REAL(1) - running) * dC_here;
        dh = running * (dh + dh_own[here]);
        dC_here *= running;
    } else {
        dh += dh_own[here];
    }
    const CellGradient d = step_back(dh, dC_here, s, C[here]);
    store_deltas(delta + row, H, d);
    dC[cell] = d.C_prev + dC_held;
}
