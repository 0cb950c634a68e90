// The whole sequence in one launch: the recurrent weights stay in registers, and blocks wait for each other
// once a step. All blocks must be resident at once: cooperative launch. One of FORWARD, BACKWARD and
// BACKWARD_WIDE says which kernel is wanted; but for the last, a block owns UNITS hidden units of NB sequences.

// Which unit and which sequences this block owns.
struct Place {
    int groups, unit0, b0;
    unsigned* counter;
};

__device__ __forceinline__ Place place(unsigned* counters, int H) {
    Place p;
    p.groups = (H + UNITS - 1) / UNITS;
    const int slice = blockIdx.x / p.groups;
    p.unit0 = (blockIdx.x - slice * p.groups) * UNITS;
    p.b0 = slice * NB;
    p.counter = counters + 32 * slice;  // blocks of other sequences have nothing to wait for
    return p;
}

#ifndef BACKWARD_WIDE
constexpr int CELLS = NB * UNITS < THREADS ? 1 : NB * UNITS / THREADS;  // a thread's, all of one unit
#endif

#ifdef FORWARD
// W is (4H, ld) with the recurrent block first; the other shapes are those of lstm_step.
KERNEL void __launch_bounds__(THREADS, 1)
    lstm_forward(float* gates, const float* W, int ld, const float* bias, float* U, float* C, float* h_new,
                 float* C_new, const float* mask, unsigned* counters, int T, int B, int H) {
    SHARED(float, partials);
    const Place p = place(counters, H);
    const int u = threadIdx.x % UNITS, unit = p.unit0 + u;
    Weights<4> weights;
    weights.load(W, size_t(H) * ld, ld, 1, p.unit0, H, 0, H, 0);

    int b[CELLS];
    float a[CELLS][4], own[4], h[CELLS], c[CELLS];
    Cell s[CELLS];
    bool mine[CELLS];
#pragma unroll
    for (int n = 0; n < CELLS; ++n) {
        b[n] = threadIdx.x / UNITS + n * (THREADS / UNITS);
        mine[n] = b[n] < NB && p.b0 + b[n] < B && unit < H;
        if (mine[n]) {
            const size_t cell = size_t(p.b0 + b[n]) * H + unit;
            h[n] = U[cell];
            c[n] = C[cell];
        }
    }
#pragma unroll
    for (int g = 0; g < 4; ++g) own[g] = unit < H ? bias[g * H + unit] : 0.0f;

#pragma unroll 1
    for (int t = 0; t < T; ++t) {
#pragma unroll
        for (int n = 0; n < CELLS; ++n)  // these do not wait for other blocks
            if (mine[n])
#pragma unroll
                for (int g = 0; g < 4; ++g)
                    a[n][g] = gates[(size_t(t) * B + p.b0 + b[n]) * 4 * H + g * H + unit] + own[g];
        if (t > 0) wait(p.counter, unsigned(p.groups) * t);
        product<4, NB>(U + size_t(t) * B * H, 0, H, p.b0, B, weights, partials);
#pragma unroll
        for (int n = 0; n < CELLS; ++n)
            if (mine[n]) {
#pragma unroll
                for (int g = 0; g < 4; ++g) a[n][g] += sum_of_warps<4, NB>(partials, b[n], UNITS * g + u);
                s[n] = step(a[n][0], a[n][1], a[n][2], a[n][3], c[n]);
                const size_t row = size_t(t) * B + p.b0 + b[n];
                const float running = mask ? mask[row] : 1.0f;
                h[n] = mask ? running * s[n].h + (1.0f - running) * h[n] : s[n].h;
                c[n] = mask ? running * s[n].C + (1.0f - running) * c[n] : s[n].C;
                U[(row + B) * H + unit] = h[n];
            }
        arrive(p.counter);
#pragma unroll
        for (int n = 0; n < CELLS; ++n)  // nobody waits for the rest
            if (mine[n]) {
                const size_t row = size_t(t) * B + p.b0 + b[n], here = row * H + unit;
                if (mask) h_new[here] = s[n].h;
                C_new[here] = s[n].C;
                C[(row + B) * H + unit] = c[n];
                store_gates(gates + row * 4 * H + unit, H, s[n]);
            }
    }
}

#endif

// What a cell does on the way back, once everything is at hand: h and c become what goes past the step, and for c
// what the step passes on.
__device__ __forceinline__ void finish(float* delta, int H, const Cell& s, float C_prev, float direct,
                                       float running, float& h, float& c) {
    const float ended = 1.0f - running;
    const CellGradient d = step_back(running * (h + direct), running * c, s, C_prev);
    store_deltas(delta, H, d);
    h *= ended;
    c = d.C_prev + ended * c;
}

#ifdef BACKWARD
// dh and dC, (B, H): gradients of the last state, and of the first afterwards.
KERNEL void __launch_bounds__(THREADS, 1)
    lstm_backward(float* delta, const float* W, int ld, float* dh, float* dC, const float* dh_own,
                  const float* gates, const float* C, const float* C_new, const float* mask,
                  unsigned* counters, int T, int B, int H) {
    SHARED(float, partials);
    const Place p = place(counters, H);
    const int u = threadIdx.x % UNITS, unit = p.unit0 + u;
    Weights<1> weights;
    weights.load(W, 0, 1, ld, p.unit0, H, 0, 4 * H, 0);

    int b[CELLS];
    float h[CELLS], c[CELLS], direct[CELLS], C_prev[CELLS];
    Cell s[CELLS];
    bool mine[CELLS];
#pragma unroll
    for (int n = 0; n < CELLS; ++n) {
        b[n] = threadIdx.x / UNITS + n * (THREADS / UNITS);
        mine[n] = b[n] < NB && p.b0 + b[n] < B && unit < H;
        h[n] = c[n] = 0.0f;
        if (mine[n]) {
            const size_t cell = size_t(p.b0 + b[n]) * H + unit;
            h[n] = dh[cell];  // then what goes past a step, to which the step's own part is added
            c[n] = dC[cell];
        }
    }

#pragma unroll 1
    for (int t = T - 1; t >= -1; --t) {
        if (t >= 0)
#pragma unroll
            for (int n = 0; n < CELLS; ++n)
                if (mine[n]) {
                    const size_t row = size_t(t) * B + p.b0 + b[n], here = row * H + unit;
                    direct[n] = dh_own[here];
                    C_prev[n] = C[here];
                    s[n] = load_gates(gates + row * 4 * H + unit, H, C_new[here]);
                }
        if (t < T - 1) {
            wait(p.counter, unsigned(p.groups) * (T - 1 - t));
            product<1, NB>(delta + size_t(t + 1) * B * 4 * H, 0, 4 * H, p.b0, B, weights, partials);
#pragma unroll
            for (int n = 0; n < CELLS; ++n)
                if (mine[n]) h[n] += sum_of_warps<1, NB>(partials, b[n], u);
        }
        if (t < 0) break;
#pragma unroll
        for (int n = 0; n < CELLS; ++n)
            if (mine[n]) {
                const size_t row = size_t(t) * B + p.b0 + b[n];
                const float running = mask ? mask[row] : 1.0f;
                finish(delta + row * 4 * H + unit, H, s[n], C_prev[n], direct[n], running, h[n], c[n]);
            }
        arrive(p.counter);
    }
#pragma unroll
    for (int n = 0; n < CELLS; ++n)
        if (mine[n]) {
            const size_t cell = size_t(p.b0 + b[n]) * H + unit;
            dh[cell] = h[n];
            dC[cell] = c[n];
        }
}
#endif

#ifdef BACKWARD_WIDE
// The same for wide cells. There every block of lstm_backward would read all of a step's delta. Here a block takes
// WIDE_K of its columns and their weights for WIDE_UNITS units, and writes what they add to dh into `parts`,
// (4H / WIDE_K, B, H); after a second wait every thread sums the parts of its cells. NB sequences in one slice.
constexpr int WIDE_TILES = 16, WIDE_UNITS = 8 * WIDE_TILES, WIDE_K = WARPS * K_SLICE, WIDE_CELLS = 4;

KERNEL void __launch_bounds__(THREADS, 1)
    lstm_backward_wide(float* delta, const float* W, int ld, float* dh, float* dC, const float* dh_own,
                       const float* gates, const float* C, const float* C_new, const float* mask,
                       unsigned* counters, float* parts, int T, int B, int H) {
    SHARED(float, partials);
    const int columns = (H + WIDE_UNITS - 1) / WIDE_UNITS, shares = (4 * H + WIDE_K - 1) / WIDE_K;
    const int blocks = columns * shares, slice = blockIdx.x / blocks, number = blockIdx.x - slice * blocks;
    const int unit0 = number % columns * WIDE_UNITS, share = number / columns;
    const int b0 = slice * NB, rows = B - b0 < NB ? B - b0 : NB;
    unsigned* counter = counters + 32 * slice;
    unsigned met = 0;
    Weights<WIDE_TILES> weights;
    weights.load(W, UNITS, 1, ld, unit0, H, share * WIDE_K, 4 * H, UNITS);

    float h[WIDE_CELLS], c[WIDE_CELLS];
    int cell[WIDE_CELLS];  // within the slice, neighbours in neighbouring threads; -1: none
#pragma unroll
    for (int n = 0; n < WIDE_CELLS; ++n) {
        cell[n] = (n * blocks + number) * THREADS + threadIdx.x;
        if (cell[n] >= rows * H) cell[n] = -1;
        h[n] = cell[n] < 0 ? 0.0f : dh[size_t(b0) * H + cell[n]];
        c[n] = cell[n] < 0 ? 0.0f : dC[size_t(b0) * H + cell[n]];
    }

#pragma unroll 1
    for (int t = T - 1; t >= -1; --t) {
        if (t < T - 1) {
#pragma unroll 1
            for (int m = 0; m < rows; m += 16) {
                product<WIDE_TILES, 16>(delta + size_t(t + 1) * B * 4 * H, share * WIDE_K, 4 * H, b0 + m, B, weights,
                                        partials);
                for (int e = threadIdx.x; e < 16 * WIDE_UNITS; e += THREADS) {
                    const int b = e / WIDE_UNITS, unit = e % WIDE_UNITS;
                    if (m + b < rows && unit0 + unit < H)
                        parts[(size_t(share) * B + b0 + m + b) * H + unit0 + unit] =
                            sum_of_warps<WIDE_TILES, 16>(partials, b, unit);
                }
                __syncthreads();
            }
            arrive(counter);
            wait(counter, met += blocks);
#pragma unroll
            for (int n = 0; n < WIDE_CELLS; ++n)
                if (cell[n] >= 0)
#pragma unroll 4
                    for (int k = 0; k < shares; ++k)
                        h[n] += __ldcg(parts + (size_t(k) * B + b0) * H + cell[n]);
        }
        if (t < 0) break;
#pragma unroll
        for (int n = 0; n < WIDE_CELLS; ++n)
            if (cell[n] >= 0) {
                const int b = cell[n] / H, unit = cell[n] - b * H;
                const size_t row = size_t(t) * B + b0 + b, here = row * H + unit;
                const Cell s = load_gates(gates + row * 4 * H + unit, H, C_new[here]);
                finish(delta + row * 4 * H + unit, H, s, C[here], dh_own[here], mask ? mask[row] : 1.0f, h[n], c[n]);
            }
        arrive(counter);
        wait(counter, met += blocks);
    }
#pragma unroll
    for (int n = 0; n < WIDE_CELLS; ++n)
        if (cell[n] >= 0) {
            dh[size_t(b0) * H + cell[n]] = h[n];
            dC[size_t(b0) * H + cell[n]] = c[n];
        }
}
#endif
