/* Whether this CPU, and this system, have all that the kernels of a level use: compiled for any CPU of the kind. */

#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#if defined(__x86_64__)

#include <cpuid.h>

#define BIT(n) (1u << (n))

/* SSE3, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, XGETBV for programs, AVX, F16C; BMI1, AVX2, BMI2; LAHF, LZCNT. */
#define LEAF_1_C (BIT(0) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(27) | BIT(28) | BIT(29))
#ifndef LEAF_7_B
#define LEAF_7_B (BIT(3) | BIT(5) | BIT(8))
#endif
#define EXTENDED_C (BIT(0) | BIT(5))
/* AVX-512 F, DQ, CD, BW, VL. */
#define WIDE_7_B (BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31))
/* The registers that the system keeps: of SSE and AVX; the masks and the wide ones of AVX-512. */
#define STATES 0x06u
#define WIDE_STATES 0xe0u

EXPORT int32_t fastbp_runs_here(void) {
    unsigned a, b, c, d, states, high;
    unsigned needed_7_b = LEAF_7_B | (WIDE ? WIDE_7_B : 0), needed_states = STATES | (WIDE ? WIDE_STATES : 0);
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & LEAF_1_C) != LEAF_1_C) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & needed_7_b) != needed_7_b) return 0;
    if (!__get_cpuid(0x80000001u, &a, &b, &c, &d) || (c & EXTENDED_C) != EXTENDED_C) return 0;
    __asm__ volatile("xgetbv" : "=a"(states), "=d"(high) : "c"(0));
    return (states & needed_states) == needed_states;
}

#else

EXPORT int32_t fastbp_runs_here(void) { return 1; }

#endif
