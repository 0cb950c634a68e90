// Runs CUDA kernels on the host, one thread of the grid at a time, for tests of their arithmetic.
//
// Every thread of the grid is a fibre with a stack of its own. A fibre runs until it has to wait: at
// __syncthreads, at a product of a warp, while it polls a counter. A block runs as far as it can before the next
// one does, or only until it has told others something; from the first block and thread on, or from the last.
// So a missing barrier shows every time, not sometimes. What this cannot show: memory that becomes visible late (fences), and speed.

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define LSTMLAB_EMULATED
#define KERNEL static
#define SHARED(type, name) type* name = (type*)emulator::self->block->shared
#define PAUSE() emulator::yield()
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __syncthreads() emulator::meet(emulator::self->block->all, blockDim.x)
#define __threadfence()
#define __trap() emulator::trap()

struct Index {
    unsigned x;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

struct float4 {
    float x, y, z, w;
};

namespace emulator {

struct Barrier {
    unsigned arrived = 0, generation = 0;
};

struct Warp {
    Barrier all;
    float a[2][32][4], b[2][32][2];
};

struct Block {
    Barrier all;
    unsigned number = 0;
    char* shared = nullptr;
    Warp* warps = nullptr;
};

struct Fibre {
    ucontext_t context;
    char* stack = nullptr;
    Block* block = nullptr;
    unsigned thread = 0, products = 0;
    bool done = false;
};

static Fibre* self;
static ucontext_t home;
static unsigned long progress;
static bool trapped, preempted, polite;
static void (*body)(void*);
static void* given;

static void yield() { swapcontext(&self->context, &home); }

static void trap() {
    trapped = true;
    for (;;) yield();
}

static void meet(Barrier& barrier, unsigned count) {
    ++progress;
    if (++barrier.arrived == count) {
        barrier.arrived = 0;
        ++barrier.generation;
        return;
    }
    for (const unsigned generation = barrier.generation; barrier.generation == generation;) yield();
}

static void start() {
    body(given);
    self->done = true;
    ++progress;
    yield();
}

// 0: done; 1: every fibre waits for another; 2: a kernel gave up.
static void resume(Fibre* fibre) {
    self = fibre;
    threadIdx.x = self->thread, blockIdx.x = self->block->number;
    swapcontext(&home, &self->context);
}

static int run(int blocks, int threads, int shared, int order, void (*what)(void*), void* with) {
    const size_t stack = 48 * 1024, count = size_t(blocks) * threads;
    body = what, given = with, progress = 0, trapped = preempted = false, polite = order & 2;
    blockDim.x = threads, gridDim.x = blocks;
    Fibre* fibres = new Fibre[count];
    Block* owned = new Block[blocks];
    for (int b = 0; b < blocks; ++b) {
        owned[b].number = b;
        owned[b].warps = new Warp[(threads + 31) / 32];
        owned[b].shared = (char*)malloc(shared + 16);
        memset(owned[b].shared, 0xff, shared + 16);  // not a number, until somebody writes
    }
    for (size_t n = 0; n < count; ++n) {
        fibres[n].block = owned + n / threads;
        fibres[n].thread = n % threads;
        fibres[n].stack = (char*)malloc(stack);
        getcontext(&fibres[n].context);
        fibres[n].context.uc_stack.ss_sp = fibres[n].stack;
        fibres[n].context.uc_stack.ss_size = stack;
        fibres[n].context.uc_link = &home;
        makecontext(&fibres[n].context, start, 0);
    }
    int result = 0;
    for (int left = blocks; left && !result;) {
        const unsigned long before = progress;
        left = 0;
        for (int b = 0; b < blocks; ++b) {
            Fibre* first = fibres + size_t(order & 1 ? blocks - 1 - b : b) * threads;
            int running = threads;
            for (unsigned long last = progress - 1; running && last != progress && !trapped && !preempted;) {
                last = progress;
                running = 0;
                for (int n = 0; n < threads && !preempted; ++n) {
                    Fibre* fibre = first + (order & 1 ? threads - 1 - n : n);
                    if (!fibre->done) resume(fibre);
                    running += !fibre->done;
                }
            }
            left += running > 0 || preempted;
            preempted = false;
        }
        if (trapped) result = 2;
        else if (left && progress == before) result = 1;
    }
    for (size_t n = 0; n < count; ++n) free(fibres[n].stack);
    for (int b = 0; b < blocks; ++b) free(owned[b].shared), delete[] owned[b].warps;
    delete[] fibres;
    delete[] owned;
    return result;
}

template <unsigned... numbers>
struct Numbers {};
template <unsigned n, unsigned... rest>
struct CountTo : CountTo<n - 1, n - 1, rest...> {};
template <unsigned... rest>
struct CountTo<0, rest...> {
    using type = Numbers<rest...>;
};

template <class... Types>
struct Call {
    void (*kernel)(Types...);
    void** args;

    template <unsigned... n>
    void with(Numbers<n...>) {
        kernel(*(Types*)args[n]...);
    }
    static void run(void* call) { ((Call*)call)->with(typename CountTo<sizeof...(Types)>::type{}); }
};

// `args` points at the arguments one by one, as for cuLaunchKernel.
template <class... Types>
int launch(void (*kernel)(Types...), int blocks, int threads, int shared, int order, void** args) {
    Call<Types...> call{kernel, args};
    return run(blocks, threads, shared, order, Call<Types...>::run, &call);
}

}  // namespace emulator

#define LAUNCHER(place, kernel)                                                                            \
    extern "C" int place##_##kernel(int blocks, int threads, int shared, int order, void** args) {          \
        return emulator::launch(place::kernel, blocks, threads, shared, order, args);                       \
    }

static inline unsigned atomicAdd(unsigned* at, unsigned value) {
    ++emulator::progress;
    emulator::preempted = emulator::polite;
    const unsigned before = *at;
    *at = before + value;
    return before;
}

template <class Type>
static inline Type __ldcg(const Type* at) {
    return *at;
}

static inline float __uint_as_float(unsigned bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline unsigned __float_as_uint(float value) {
    unsigned bits;
    memcpy(&bits, &value, 4);
    return bits;
}

// To nearest, ties away from zero: what cvt.rna does.
static inline unsigned tf32(float x) { return (__float_as_uint(x) + 0x1000u) & 0xffffe000u; }
static inline unsigned tf32_again(float x) { return tf32(x); }

// As PTX lays m16n8k8 out: which lane holds which element. The lower 13 bits of a factor are not looked at.
static inline void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    const unsigned lane = threadIdx.x % 32, turn = emulator::self->products++ % 2;
    emulator::Warp& warp = emulator::self->block->warps[threadIdx.x / 32];
    for (int e = 0; e < 4; ++e) warp.a[turn][lane][e] = __uint_as_float(a[e] & 0xffffe000u);
    for (int e = 0; e < 2; ++e) warp.b[turn][lane][e] = __uint_as_float(b[e] & 0xffffe000u);
    emulator::meet(warp.all, 32);
    for (int e = 0; e < 4; ++e) {
        const int row = lane / 4 + 8 * (e / 2), column = 2 * (lane % 4) + e % 2;
        for (int k = 0; k < 8; ++k)
            d[e] += warp.a[turn][row % 8 * 4 + k % 4][row / 8 + k / 4 * 2] *
                    warp.b[turn][column * 4 + k % 4][k / 4];
    }
}
