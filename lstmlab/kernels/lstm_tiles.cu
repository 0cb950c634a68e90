// What the persistent kernels stand on: their products, and how blocks wait for each other. float only.
//
// A block's eight warps share the sum over k: each keeps the weights of its K_SLICE values of k for all time,
// reads those columns of the previous step's result, and the eight partial sums meet in shared memory.
// Products run on tensor cores, 16 x 8 x 8 at a time: rows are sequences, columns are rows of W or units. With
// PRODUCTS 1 the factors are rounded to TF32. With PRODUCTS 3 each is split in two TF32 numbers and only the
// product of the two small ones is left out, which comes close to float.

#ifndef LSTMLAB_EMULATED
#define SHARED(type, name) extern __shared__ type name[]
#define PAUSE() __nanosleep(20)

__device__ __forceinline__ unsigned tf32(float x) {
    unsigned rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
    return rounded;
}

// The same, where the compiler must not keep the result over the whole sequence.
__device__ __forceinline__ unsigned tf32_again(float x) {
    unsigned rounded;
    asm volatile("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
    return rounded;
}

// d (16 x 8) += a (16 x 8) b (8 x 8), spread over the lanes of a warp as PTX's m16n8k8 wants them.
__device__ __forceinline__ void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

constexpr int WARPS = 8, THREADS = 32 * WARPS, UNITS = 8, TOO_LONG = 1 << 27;
// Groups of 16 values of k that are read ahead at once; fewer where the weights leave few registers.
constexpr int GROUPS = K_SLICE % 64 == 0 && K_SLICE != 128 ? 4 : K_SLICE % 32 == 0 ? 2 : 1;
constexpr int CHUNKS = K_SLICE / 16 / GROUPS;

// Distance between rows of partial sums: 8 modulo 32, so that neither writing nor reading meets a bank twice.
__host__ __device__ constexpr int width(int tiles) { return tiles == 1 ? 8 : 8 * tiles + 8; }

// Tell the blocks of the same sequences that this one has written its part of a step.
__device__ __forceinline__ void arrive(unsigned* counter) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(counter, 1u);
    }
}

// Wait until `target` parts have been written.
__device__ __forceinline__ void wait(unsigned* counter, unsigned target) {
    if (threadIdx.x == 0) {
        for (int turns = 0; *(volatile unsigned*)counter < target; ++turns) {
            if (turns > TOO_LONG) __trap();  // a block is missing: an error is better than no end
            PAUSE();
        }
        __threadfence();
    }
    __syncthreads();
}

// Each pair of tiles covers 16 values of k. Their order within the sum is free: a lane takes four neighbours,
// so that one load of 16 bytes feeds two tiles.
__device__ __forceinline__ int k_of(int tile, int half) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    return warp * K_SLICE + (tile / 2) * 16 + 4 * (lane % 4) + 2 * (tile % 2) + half;
}

template <int TILES>
struct Weights {
    float w[K_SLICE / 8][TILES][2];

    // Element (k, tile n, unit) stands at W[n * tile_stride + unit * unit_stride + k * k_stride]; the next
    // tile holds the same units of the next gate, or with tile_units the next units.
    __device__ __forceinline__ void load(const float* W, size_t tile_stride, size_t unit_stride,
                                         size_t k_stride, int unit0, int H, int k0, int K, int tile_units) {
        const int unit = unit0 + threadIdx.x % 32 / 4;
#pragma unroll
        for (int tile = 0; tile < K_SLICE / 8; ++tile)
#pragma unroll
            for (int n = 0; n < TILES; ++n)
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    const int k = k0 + k_of(tile, half);
                    const bool inside = unit + n * tile_units < H && k < K;
                    const float value =
                        inside ? W[n * tile_stride + unit * unit_stride + k * k_stride] : 0.0f;
                    w[tile][n][half] = PRODUCTS == 3 ? value : __uint_as_float(tf32(value));
                }
    }
};

// Read ahead one chunk of two rows: four neighbours in k a lane and group. Past the last sequence the last
// one is read again, past the last k the first: what comes of it is dropped, or meets a weight of zero.
__device__ __forceinline__ void fetch(float4 (&ahead)[GROUPS][2], const float* rows, int k0, int K, int b, int B,
                                      int chunk) {
#pragma unroll
    for (int g = 0; g < GROUPS; ++g) {
        const int k = k0 + k_of(2 * (chunk * GROUPS + g), 0), inside = k < K ? k : 0;
#pragma unroll
        for (int side = 0; side < 2; ++side) {
            const int row = b + 8 * side < B ? b + 8 * side : B - 1;
            // From the second cache: other blocks wrote it, and the first one does not know.
            ahead[g][side] = __ldcg((const float4*)(rows + size_t(row) * K + inside));
        }
    }
}

// One product of two tiles, to TF32 or nearly to float.
template <int TILES>
__device__ __forceinline__ void multiply(float (&large)[TILES][4], float (&small)[TILES][4],
                                         const float (&a)[4], const float (&w)[TILES][2]) {
    unsigned a_large[4], a_small[4];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
        a_large[e] = tf32(a[e]);
        if (PRODUCTS == 3) a_small[e] = tf32(a[e] - __uint_as_float(a_large[e]));
    }
#pragma unroll
    for (int n = 0; n < TILES; ++n) {
        unsigned w_large[2], w_small[2];
#pragma unroll
        for (int e = 0; e < 2; ++e) {
            w_large[e] = __float_as_uint(w[n][e]);
            if (PRODUCTS == 3) {  // both parts of all weights at once would be more than the registers hold
                w_large[e] = TILES * K_SLICE > 128 ? tf32_again(w[n][e]) : tf32(w[n][e]);
                w_small[e] = tf32(w[n][e] - __uint_as_float(w_large[e]));
            }
        }
        if (PRODUCTS == 3) {
            multiply_add(small[n], a_small, w_large);
            multiply_add(small[n], a_large, w_small);
        }
        multiply_add(large[n], a_large, w_large);
    }
}

// partials[warp][b][column] = sum over this warp's k of rows[b0 + b][k] * weight[k][column], for ROWS b.
template <int TILES, int ROWS>
__device__ __forceinline__ void product(const float* rows, int k0, int K, int b0, int B,
                                        const Weights<TILES>& weights, float* partials) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, r = lane / 4, q = lane % 4;
    constexpr int APART = TILES == 1;  // one chain of products would wait for itself: then there are four
    float4 ahead[GROUPS][2];
    fetch(ahead, rows, k0, K, b0 + r, B, 0);
#pragma unroll 1
    for (int m = 0; m < ROWS; m += 16) {
        float sums[1 + 3 * APART][TILES][4] = {};
#pragma unroll
        for (int chunk = 0; chunk < CHUNKS; ++chunk) {
            float4 now[GROUPS][2];
#pragma unroll
            for (int g = 0; g < GROUPS; ++g) now[g][0] = ahead[g][0], now[g][1] = ahead[g][1];
            if (chunk + 1 < CHUNKS)
                fetch(ahead, rows, k0, K, b0 + m + r, B, chunk + 1);
            else if (m + 16 < ROWS)
                fetch(ahead, rows, k0, K, b0 + m + 16 + r, B, 0);
#pragma unroll
            for (int g = 0; g < GROUPS; ++g) {
                const float4 up = now[g][0], down = now[g][1];
                const float first[4] = {up.x, down.x, up.y, down.y}, second[4] = {up.z, down.z, up.w, down.w};
                const int tile = 2 * (chunk * GROUPS + g);
                multiply<TILES>(sums[0], sums[APART], first, weights.w[tile]);
                multiply<TILES>(sums[2 * APART], sums[3 * APART], second, weights.w[tile + 1]);
            }
        }
        float* at = partials + (warp * ROWS + m + r) * width(TILES) + 2 * q;
#pragma unroll
        for (int n = 0; n < TILES; ++n)
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                float sum = sums[0][n][e];
                if (APART) sum = (sums[APART][n][e] + sums[3 * APART][n][e]) + sums[2 * APART][n][e] + sum;
                at[(e / 2) * 8 * width(TILES) + 8 * n + e % 2] = sum;
            }
    }
    __syncthreads();
}

template <int TILES, int ROWS>
__device__ __forceinline__ float sum_of_warps(const float* partials, int b, int column) {
    float sum = 0.0f;
#pragma unroll
    for (int warp = 0; warp < WARPS; ++warp) sum += partials[(warp * ROWS + b) * width(TILES) + column];
    return sum;
}
