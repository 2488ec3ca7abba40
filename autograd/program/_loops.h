/* Operations on numbers wherever they lie in memory: what a call of NumPy does, without the cost of a call.

A loop goes over `axes` axes; for the result (0) and the operands (1, 2) it says where the first number is and how many
bytes it is to the next one along each axis. A `row` says which places along the first axis are meant, where these are
not 0, 1, 2, ... An operand may be the result itself, but not a part of it that is shifted. */

#include <fenv.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_kernels.h"

#define AXES 6
#define BLOCK 1024 /* numbers */
#define EXCEPTIONS (FE_DIVBYZERO | FE_OVERFLOW | FE_INVALID)

/* Written X(name, as NumPy calls it; value for the operands x and y). */
#define UNARY(X)                                                                                                       \
    X(positive, x) X(negative, -x) X(absolute, fabs(x)) X(square, x * x) X(sqrt, sqrt(x))                              \
    X(sign, x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x == 0.0 ? 0.0 : x)                                                       \
    X(exp, exp_of(x)) X(expm1, expm1(x)) X(log, log(x)) X(log1p, log1p(x))                                                \
    X(sin, sin(x)) X(cos, cos(x)) X(tan, tan(x)) X(arcsin, asin(x)) X(arccos, acos(x)) X(arctan, atan(x))              \
    X(sinh, sinh(x)) X(cosh, cosh(x)) X(tanh, tanh_of(x)) X(erf, erf(x)) X(erfc, erfc(x)) VALUES(X)
#define BINARY(X)                                                                                                      \
    X(add, x + y) X(subtract, x - y) X(multiply, x * y) X(divide, x / y) X(power, pow(x, y)) X(arctan2, atan2(x, y))   \
    X(double_product, 2.0 * (x * y))                                                                                   \
    X(maximum, x >= y || x != x ? x : y) X(minimum, x <= y || x != x ? x : y) SLOPES(X)
/* The result is a byte, 0 or 1. */
#define COMPARISONS(X)                                                                                                 \
    X(less, x < y) X(less_equal, x <= y) X(greater, x > y) X(greater_equal, x >= y) X(equal, x == y)                   \
    X(not_equal, x != y)
/* The result is an operand as well; its axes that do not move are added up, or searched. */
#define FOLDS(X)                                                                                                       \
    X(add_up, acc + x) X(add_in_order, acc + x) X(largest, acc >= x || acc != acc ? acc : x)
#define FOLDS_OF_TWO(X) X(add_products, acc + x * y)

#define NUMBER(name, value) OP_##name,
#define NAME(name, value) #name,
#define ALL(X) UNARY(X) BINARY(X) COMPARISONS(X) FOLDS(X) FOLDS_OF_TWO(X) X(choose, ) X(matmul, )
enum { ALL(NUMBER) N_LOOPS };
static const char *const loop_names[] = {ALL(NAME)};

typedef struct {
    int op, axes;
    ptrdiff_t size[AXES];
    char *at[3];
    ptrdiff_t step[3][AXES];
    const ptrdiff_t *row[3];
    ptrdiff_t together; /* how many, from this one on, are run block by block; 0 or 1: none */
} Loop;

/* Where the loader can choose, there is code for wider vectors as well. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define HAS_CLONES 1
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HAS_CLONES 0
#define CLONES
#endif

#if defined(__clang__)
#define VECTORS _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VECTORS _Pragma("GCC ivdep")
#else
#define VECTORS
#endif

/* Exponentials that the compiler can compute for several numbers at once: no calls, no branches; to 1.5 units in the last
place. Arguments are limited as whole numbers, of which the bits of positive doubles have the order: a comparison of
doubles might raise an exception. That takes nan and infinity for numbers; adding 0 x makes them nan again. */
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

INLINE int64_t bits_of(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

INLINE double double_of(int64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

INLINE double power_of_two(int64_t k) { return double_of((k + 1023) << 52); }

/* x, and not further from 0 than `most`. */
INLINE double limited(double x, double most) {
    const int64_t bits = bits_of(x), size = bits & INT64_MAX, end = bits_of(most);
    return double_of((bits & INT64_MIN) | (size < end ? size : end));
}

/* p and k, for exp(x) - 1 = 2^k p + (2^k - 1): with x = k log 2 + r, p is the series of exp(r) - 1. The two parts of log 2
are those of fdlibm. */
INLINE double exp_parts(double x, int64_t *k) {
    const double shift = 0x1.8p52, shifted = x * 0x1.71547652b82fep0 + shift, n = shifted - shift;
    const double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
    *k = bits_of(shifted) - bits_of(shift);
    double q = 1.0 / 6227020800.0;
    q = q * r + 1.0 / 479001600.0;
    q = q * r + 1.0 / 39916800.0;
    q = q * r + 1.0 / 3628800.0;
    q = q * r + 1.0 / 362880.0;
    q = q * r + 1.0 / 40320.0;
    q = q * r + 1.0 / 5040.0;
    q = q * r + 1.0 / 720.0;
    q = q * r + 1.0 / 120.0;
    q = q * r + 1.0 / 24.0;
    q = q * r + 1.0 / 6.0;
    q = q * r + 0.5;
    return r + r * r * q;
}

INLINE double exp_of(double x) {
    int64_t k;
    const double p = exp_parts(limited(x, 746.0), &k);
    const int64_t half = k >> 1; /* one power of two of all of it might not be a double */
    const double scale = power_of_two(half);
    return (scale + scale * p) * power_of_two(k - half) + 0.0 * x;
}

INLINE double tanh_of(double x) {
    int64_t k;
    const double p = exp_parts(-2.0 * limited(fabs(x), 20.0), &k), scale = power_of_two(k);
    const double less = scale * p + (scale - 1.0);
    return copysign(less / (2.0 + less), x) + 0.0 * x;
}

#define PLACE(j) ((row[j] ? row[j][i] : i) * s##j)
#define NUMBER_AT(p) (*(const double *)(p))
#define IN_ORDER(s) ((s) == (ptrdiff_t)sizeof(double))
#define EACH for (ptrdiff_t i = 0; i < n; i++)

#define UNARY_CASE(name, value)                                                                                        \
    case OP_##name:                                                                                                    \
        if (even && IN_ORDER(s0) && IN_ORDER(s1)) {                                                                    \
            VECTORS EACH { const double x = a[i]; out[i] = value; }                                                    \
        } else EACH {                                                                                                  \
            const double x = *(const double *)(p1 + PLACE(1));                                                         \
            *(double *)(p0 + PLACE(0)) = value;                                                                        \
        }                                                                                                              \
        break;
#define BINARY_CASE(name, value)                                                                                       \
    case OP_##name:                                                                                                    \
        if (even && IN_ORDER(s0) && IN_ORDER(s1) && IN_ORDER(s2)) {                                                    \
            VECTORS EACH { const double x = a[i], y = b[i]; out[i] = ((void)y, value); }                               \
        } else if (even && IN_ORDER(s0) && IN_ORDER(s1) && s2 == 0) {                                                  \
            const double y = *b;                                                                                       \
            VECTORS EACH { const double x = a[i]; out[i] = ((void)y, value); }                                         \
        } else if (even && IN_ORDER(s0) && s1 == 0 && IN_ORDER(s2)) {                                                  \
            const double x = *a;                                                                                       \
            VECTORS EACH { const double y = b[i]; out[i] = ((void)y, value); }                                         \
        } else EACH {                                                                                                  \
            const double x = *(const double *)(p1 + PLACE(1)), y = *(const double *)(p2 + PLACE(2));                   \
            *(double *)(p0 + PLACE(0)) = ((void)y, value);                                                             \
        }                                                                                                              \
        break;
#define COMPARISON_CASE(name, value)                                                                                   \
    case OP_##name:                                                                                                    \
        EACH {                                                                                                         \
            const double x = *(const double *)(p1 + PLACE(1)), y = *(const double *)(p2 + PLACE(2));                   \
            *(p0 + PLACE(0)) = value;                                                                                  \
        }                                                                                                              \
        break;
#define ONE(place) 0.0
#define TWO(place) NUMBER_AT(p2 + (place))
#define FOLD_CASE(name, value) FOLD(name, value, ONE)
#define FOLD_OF_TWO_CASE(name, value) FOLD(name, value, TWO)
/* Four sums side by side: they need not wait for each other, and are rounded less; where no order is asked for. */
#define FOLD(name, value, SECOND)                                                                                      \
    case OP_##name:                                                                                                    \
        if (even && s0 == 0) {                                                                                         \
            double acc = *out, sums[4] = {0};                                                                          \
            ptrdiff_t i = 0;                                                                                           \
            const int by_four = n >= 8 && OP_##name != OP_add_in_order;                                                \
            if (by_four) {                                                                                             \
                for (int k = 0; k < 4; k++) sums[k] = OP_##name == OP_largest ? acc : -0.0;                            \
                for (; i + 3 < n; i += 4)                                                                              \
                    for (int k = 0; k < 4; k++) {                                                                      \
                        const double x = NUMBER_AT(p1 + (i + k) * s1), y = SECOND((i + k) * s2), acc = sums[k];        \
                        (void)y, sums[k] = value;                                                                      \
                    }                                                                                                  \
            }                                                                                                          \
            for (; i < n; i++) {                                                                                       \
                const double x = NUMBER_AT(p1 + i * s1), y = SECOND(i * s2);                                           \
                (void)y, acc = value;                                                                                  \
            }                                                                                                          \
            if (by_four)                                                                                               \
                for (int k = 0; k < 4; k++) {                                                                          \
                    const double x = sums[k], y = 1.0;                                                                 \
                    (void)y, acc = value;                                                                              \
                }                                                                                                      \
            *out = acc;                                                                                                \
        } else if (even && IN_ORDER(s0) && IN_ORDER(s1) && (IN_ORDER(s2) || s2 == 0)) {                                \
            if (s2) {                                                                                                  \
                VECTORS EACH { const double x = a[i], y = SECOND(i * 8), acc = out[i]; (void)y, out[i] = value; }      \
            } else {                                                                                                   \
                const double y = SECOND(0);                                                                            \
                VECTORS EACH { const double x = a[i], acc = out[i]; (void)y, out[i] = value; }                         \
            }                                                                                                          \
        } else EACH {                                                                                                  \
            const double x = NUMBER_AT(p1 + PLACE(1)), y = SECOND(PLACE(2)), acc = NUMBER_AT(p0 + PLACE(0));           \
            (void)y, *(double *)(p0 + PLACE(0)) = value;                                                               \
        }                                                                                                              \
        break;

#ifdef __GNUC__
#define HAS_MATMUL 1

typedef double Four __attribute__((vector_size(32)));
typedef double Four_anywhere __attribute__((vector_size(32), aligned(8), may_alias));

/* The sum of products of numbers in order, sixteen side by side. */
INLINE double sum_of_products(ptrdiff_t n, const double *a, const double *b) {
    Four sums[4] = {0};
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 4; k++)
            sums[k] += *(const Four_anywhere *)(a + i + 4 * k) * *(const Four_anywhere *)(b + i + 4 * k);
    const Four sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    double rest = -0.0;
    for (; i < n; i++) rest += a[i] * b[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}
#else
#define HAS_MATMUL 0
#endif

/* The last axis. */
CLONES static void loop_inner(int op, ptrdiff_t n, char *const *at, const ptrdiff_t *step, const ptrdiff_t *const *row) {
    char *const p0 = at[0], *const p1 = at[1], *const p2 = at[2];
    const ptrdiff_t s0 = step[0], s1 = step[1], s2 = step[2];
    double *const out = (double *)p0;
    const double *const a = (const double *)p1, *const b = (const double *)p2;
    const int even = !row[0] && !row[1] && !row[2];
#ifdef __GNUC__
    if (op == OP_add_products && even && s0 == 0 && IN_ORDER(s1) && IN_ORDER(s2) && n >= 16) {
        *out += sum_of_products(n, a, b);
        return;
    }
#endif
    switch (op) {
        UNARY(UNARY_CASE)
        BINARY(BINARY_CASE)
        COMPARISONS(COMPARISON_CASE)
        FOLDS(FOLD_CASE)
        FOLDS_OF_TWO(FOLD_OF_TWO_CASE)
    case OP_choose: /* the first operand, where the second, in bytes, is not 0 */
        if (even && IN_ORDER(s0) && s2 == 1 && IN_ORDER(s1)) {
            VECTORS EACH out[i] = p2[i] ? a[i] : out[i];
        } else if (even && IN_ORDER(s0) && s2 == 1 && s1 == 0) {
            const double x = *a;
            VECTORS EACH out[i] = p2[i] ? x : out[i];
        } else EACH
            if (*(p2 + PLACE(2))) *(double *)(p0 + PLACE(0)) = *(const double *)(p1 + PLACE(1));
        break;
    }
}

#ifdef __GNUC__
/* m by 4 r sums of products along k. Steps are in numbers. */
INLINE void tile(int m, int r, ptrdiff_t k, double *out, ptrdiff_t s0, const double *a, const ptrdiff_t *s1, const double *b,
          ptrdiff_t s2) {
    Four sums[4][2] = {0};
    for (ptrdiff_t l = 0; l < k; l++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < r; j++)
                sums[i][j] += a[i * s1[0] + l * s1[1]] * *(const Four_anywhere *)(b + l * s2 + 4 * j);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < r; j++) *(Four_anywhere *)(out + i * s0 + 4 * j) = sums[i][j];
}

INLINE void tiles(int r, ptrdiff_t m, ptrdiff_t k, double *out, ptrdiff_t s0, const double *a, const ptrdiff_t *s1,
           const double *b, ptrdiff_t s2) {
    for (; m >= 4; m -= 4, out += 4 * s0, a += 4 * s1[0]) tile(4, r, k, out, s0, a, s1, b, s2);
    for (; m >= 1; m -= 1, out += s0, a += s1[0]) tile(1, r, k, out, s0, a, s1, b, s2);
}

/* out (m, r) = a (m, k) b (k, r), r at least 4, out and b in order along it. The last tile may overlap the one before. */
CLONES static void matrix_product(const ptrdiff_t *size, double *out, const ptrdiff_t *s0, const double *a,
                                  const ptrdiff_t *s1, const double *b, const ptrdiff_t *s2) {
    const ptrdiff_t m = size[0], k = size[1], r = size[2];
    ptrdiff_t j = 0;
    for (; j + 8 <= r; j += 8) tiles(2, m, k, out + j, s0[0], a, s1, b + j, s2[1]);
    for (; j < r; j += 4) {
        if (j + 4 > r) j = r - 4;
        tiles(1, m, k, out + j, s0[0], a, s1, b + j, s2[1]);
    }
}

static void loop_product(const Loop *loop, char *const *at) {
    const int first = loop->axes <= AXES ? loop->axes - 3 : 0; /* it is; this tells the compiler */
    ptrdiff_t step[3][3];
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++) step[j][i] = loop->step[j][first + i] / 8;
    matrix_product(&loop->size[first], (double *)at[0], step[0], (const double *)at[1], step[1], (const double *)at[2],
                   step[2]);
}
#else
static void loop_product(const Loop *loop, char *const *at) { (void)loop, (void)at; }
#endif

static void loop_over(const Loop *loop, int axis, char *const *at) {
    static const ptrdiff_t *const all[3] = {NULL, NULL, NULL};
    const ptrdiff_t *const *const row = axis ? all : loop->row;
    const ptrdiff_t step[3] = {loop->step[0][axis], loop->step[1][axis], loop->step[2][axis]};
    if (loop->op == OP_matmul && axis == loop->axes - 3) {
        loop_product(loop, at);
        return;
    }
    if (axis == loop->axes - 1) {
        loop_inner(loop->op, loop->size[axis], at, step, row);
        return;
    }
    for (ptrdiff_t i = 0; i < loop->size[axis]; i++) {
        char *next[3];
        for (int j = 0; j < 3; j++) next[j] = at[j] + (row[j] ? row[j][i] : i) * step[j];
        loop_over(loop, axis + 1, next);
    }
}

/* The numbers that an operand may reach, from `low` on to before `high`; along the first axis, or beside it. */
static void reach(const Loop *loop, int j, int first_axis, const char **low, const char **high) {
    *low = loop->at[j];
    *high = loop->at[j] + sizeof(double);
    for (int axis = first_axis; axis < loop->axes; axis++) {
        const ptrdiff_t far = (loop->size[axis] - 1) * loop->step[j][axis];
        *(far < 0 ? low : high) += far;
    }
}

/* Whether b, after a, may begin before a has ended, if both do the same places along the first axis: what one of them
writes is nothing of the other's, or number by number the same. */
static int may_interleave(const Loop *a, const Loop *b, int anywhere) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const char *low[2], *high[2], *inner_low, *inner_high;
            if ((i && j) || !a->at[i] || !b->at[j]) continue;
            reach(a, i, 0, &low[0], &high[0]);
            reach(b, j, 0, &low[1], &high[1]);
            if (high[0] <= low[1] || high[1] <= low[0]) continue;
            if (anywhere || a->at[i] != b->at[j] || a->step[i][0] != b->step[j][0]) return 0;
            reach(a, i, 1, &inner_low, &inner_high);
            if (inner_high - inner_low > llabs(a->step[i][0])) return 0;
            reach(b, j, 1, &inner_low, &inner_high);
            if (inner_high - inner_low > llabs(b->step[j][0])) return 0;
        }
    return 1;
}

static int is_simple(const Loop *loop) {
    return loop->op != OP_matmul && !loop->row[0] && !loop->row[1] && !loop->row[2];
}

static ptrdiff_t numbers_in(const Loop *loop, int first_axis) {
    ptrdiff_t n = 1;
    for (int axis = first_axis; axis < loop->axes; axis++) n *= loop->size[axis];
    return n;
}

/* Long loops that follow each other are run together, block by block, so that what one of them writes is in the nearest
cache when the next one reads it: `together` of the first is how many. Short ones that come in between, and have nothing
to do with them, are put before them. */
static void loops_arrange(Loop *loops, ptrdiff_t count) {
    Loop *group = loops;
    for (ptrdiff_t k = 0; k < count; k++) {
        const Loop loop = loops[k];
        const int is_long = is_simple(&loop) && numbers_in(&loop, 0) > 2 * BLOCK;
        const ptrdiff_t members = loops + k - group;
        int fits = is_long && group->together && group->size[0] == loop.size[0];
        int apart = is_simple(&loop) && !is_long && group->together;
        for (ptrdiff_t i = 0; i < members && (fits || apart); i++) {
            fits = fits && may_interleave(&group[i], &loop, 0);
            apart = apart && may_interleave(&group[i], &loop, 1);
        }
        if (fits) {
            group->together++;
        } else if (apart) {
            memmove(group + 1, group, members * sizeof(Loop));
            *group++ = loop;
        } else {
            group = loops + k;
            group->together = is_long;
        }
    }
}

static void group_run(const Loop *loops, ptrdiff_t count) {
    ptrdiff_t width = 1;
    for (ptrdiff_t k = 0; k < count; k++)
        if (numbers_in(&loops[k], 1) > width) width = numbers_in(&loops[k], 1);
    const ptrdiff_t size = loops->size[0], most = width < BLOCK ? BLOCK / width : 1;
    for (ptrdiff_t i = 0; i < size; i += most)
        for (ptrdiff_t k = 0; k < count; k++) {
            Loop part = loops[k];
            part.size[0] = size - i < most ? size - i : most;
            for (int j = 0; j < 3; j++) part.at[j] += i * part.step[j][0];
            loop_over(&part, 0, part.at);
        }
}

/* Runs them; returns whether one of them divided by 0, overflowed or had no value. */
static int loops_run(const Loop *loops, ptrdiff_t count) {
    feclearexcept(EXCEPTIONS);
    for (ptrdiff_t k = 0; k < count; k++)
        if (loops[k].together > 1) {
            group_run(&loops[k], loops[k].together);
            k += loops[k].together - 1;
        } else {
            loop_over(&loops[k], 0, loops[k].at);
        }
    return fetestexcept(EXCEPTIONS) != 0;
}
