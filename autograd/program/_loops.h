/* Operations on numbers wherever they lie in memory: what a call of NumPy does, without the cost of a call.

A loop goes over `axes` axes; for the result (0) and the operands (1, 2) it says where the first number is and how many
bytes it is to the next one along each axis. A `row` says which places along the first axis are meant, where these are
not 0, 1, 2, ... An operand may be the result itself, but not a part of it that is shifted. */

#include <fenv.h>
#include <math.h>
#include <stddef.h>

#define AXES 6
#define EXCEPTIONS (FE_DIVBYZERO | FE_OVERFLOW | FE_INVALID)

/* Written X(name, as NumPy calls it; value for the operands x and y). */
#define UNARY(X)                                                                                                       \
    X(positive, x) X(negative, -x) X(absolute, fabs(x)) X(square, x * x) X(sqrt, sqrt(x))                              \
    X(sign, x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x == 0.0 ? 0.0 : x)                                                       \
    X(exp, exp(x)) X(expm1, expm1(x)) X(log, log(x)) X(log1p, log1p(x))                                                \
    X(sin, sin(x)) X(cos, cos(x)) X(tan, tan(x)) X(arcsin, asin(x)) X(arccos, acos(x)) X(arctan, atan(x))              \
    X(sinh, sinh(x)) X(cosh, cosh(x)) X(tanh, tanh(x))
#define BINARY(X)                                                                                                      \
    X(add, x + y) X(subtract, x - y) X(multiply, x * y) X(divide, x / y) X(power, pow(x, y)) X(arctan2, atan2(x, y))   \
    X(maximum, x >= y || x != x ? x : y) X(minimum, x <= y || x != x ? x : y)
/* The result is a byte, 0 or 1. */
#define COMPARISONS(X)                                                                                                 \
    X(less, x < y) X(less_equal, x <= y) X(greater, x > y) X(greater_equal, x >= y) X(equal, x == y)                   \
    X(not_equal, x != y)
/* The result is an operand as well; its axes that do not move are added up, or searched. */
#define FOLDS(X) X(add_up, acc + x) X(largest, acc >= x || acc != acc ? acc : x)

#define NUMBER(name, value) OP_##name,
enum { UNARY(NUMBER) BINARY(NUMBER) COMPARISONS(NUMBER) FOLDS(NUMBER) OP_choose, OP_matmul, N_LOOPS };
#define NAME(name, value) #name,
static const char *const loop_names[] = {UNARY(NAME) BINARY(NAME) COMPARISONS(NAME) FOLDS(NAME) "choose", "matmul"};

typedef struct {
    int op, axes;
    ptrdiff_t size[AXES];
    char *at[3];
    ptrdiff_t step[3][AXES];
    const ptrdiff_t *row[3];
} Loop;

/* Where the loader can choose, there is code for wider vectors as well. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

#if defined(__clang__)
#define VECTORS _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VECTORS _Pragma("GCC ivdep")
#else
#define VECTORS
#endif

#define PLACE(j) ((row[j] ? row[j][i] : i) * s##j)
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
            VECTORS EACH { const double x = a[i], y = b[i]; out[i] = value; }                                          \
        } else if (even && IN_ORDER(s0) && IN_ORDER(s1) && s2 == 0) {                                                  \
            const double y = *b;                                                                                       \
            VECTORS EACH { const double x = a[i]; out[i] = value; }                                                    \
        } else if (even && IN_ORDER(s0) && s1 == 0 && IN_ORDER(s2)) {                                                  \
            const double x = *a;                                                                                       \
            VECTORS EACH { const double y = b[i]; out[i] = value; }                                                    \
        } else EACH {                                                                                                  \
            const double x = *(const double *)(p1 + PLACE(1)), y = *(const double *)(p2 + PLACE(2));                   \
            *(double *)(p0 + PLACE(0)) = value;                                                                        \
        }                                                                                                              \
        break;
#define COMPARISON_CASE(name, value)                                                                                   \
    case OP_##name:                                                                                                    \
        EACH {                                                                                                         \
            const double x = *(const double *)(p1 + PLACE(1)), y = *(const double *)(p2 + PLACE(2));                   \
            *(p0 + PLACE(0)) = value;                                                                                  \
        }                                                                                                              \
        break;
/* Four sums side by side: they need not wait for each other, and are rounded less. */
#define FOLD_CASE(name, value)                                                                                         \
    case OP_##name:                                                                                                    \
        if (even && s0 == 0) {                                                                                         \
            double part[4], acc;                                                                                       \
            ptrdiff_t i = 4;                                                                                           \
            if (n >= 8) {                                                                                              \
                for (int k = 0; k < 4; k++) part[k] = *(const double *)(p1 + k * s1);                                  \
                for (; i + 3 < n; i += 4)                                                                              \
                    for (int k = 0; k < 4; k++) {                                                                      \
                        const double x = *(const double *)(p1 + (i + k) * s1);                                         \
                        acc = part[k];                                                                                 \
                        part[k] = value;                                                                               \
                    }                                                                                                  \
            } else i = 0;                                                                                              \
            acc = *out;                                                                                                \
            for (; i < n; i++) { const double x = *(const double *)(p1 + i * s1); acc = value; }                       \
            if (n >= 8)                                                                                                \
                for (int k = 0; k < 4; k++) { const double x = part[k]; acc = value; }                                 \
            *out = acc;                                                                                                \
        } else if (even && IN_ORDER(s0) && IN_ORDER(s1)) {                                                             \
            VECTORS EACH { const double x = a[i], acc = out[i]; out[i] = value; }                                      \
        } else EACH {                                                                                                  \
            const double x = *(const double *)(p1 + PLACE(1)), acc = *(const double *)(p0 + PLACE(0));                 \
            *(double *)(p0 + PLACE(0)) = value;                                                                        \
        }                                                                                                              \
        break;

/* The last axis. */
CLONES static void loop_inner(int op, ptrdiff_t n, char *const *at, const ptrdiff_t *step, const ptrdiff_t *const *row) {
    char *const p0 = at[0], *const p1 = at[1], *const p2 = at[2];
    const ptrdiff_t s0 = step[0], s1 = step[1], s2 = step[2];
    double *const out = (double *)p0;
    const double *const a = (const double *)p1, *const b = (const double *)p2;
    const int even = !row[0] && !row[1] && !row[2];
    switch (op) {
        UNARY(UNARY_CASE)
        BINARY(BINARY_CASE)
        COMPARISONS(COMPARISON_CASE)
        FOLDS(FOLD_CASE)
    case OP_choose: /* the first operand, where the second, in bytes, is not 0 */
        EACH if (*(p2 + PLACE(2))) *(double *)(p0 + PLACE(0)) = *(const double *)(p1 + PLACE(1));
        break;
    }
}

#ifdef __GNUC__
#define HAS_MATMUL 1
#define TILE static inline __attribute__((always_inline)) void

typedef double Four __attribute__((vector_size(32)));
typedef double Four_anywhere __attribute__((vector_size(32), aligned(8), may_alias));

/* m by 4 r sums of products along k. Steps are in numbers. */
TILE tile(int m, int r, ptrdiff_t k, double *out, ptrdiff_t s0, const double *a, const ptrdiff_t *s1, const double *b,
          ptrdiff_t s2) {
    Four sums[4][2] = {0};
    for (ptrdiff_t l = 0; l < k; l++)
        for (int i = 0; i < m; i++)
            for (int j = 0; j < r; j++)
                sums[i][j] += a[i * s1[0] + l * s1[1]] * *(const Four_anywhere *)(b + l * s2 + 4 * j);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < r; j++) *(Four_anywhere *)(out + i * s0 + 4 * j) = sums[i][j];
}

TILE tiles(int r, ptrdiff_t m, ptrdiff_t k, double *out, ptrdiff_t s0, const double *a, const ptrdiff_t *s1,
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
    const int first = loop->axes <= AXES ? loop->axes - 3 : 0;
    ptrdiff_t step[3][3];
    for (int j = 0; j < 3; j++)
        for (int i = 0; i < 3; i++) step[j][i] = loop->step[j][first + i] / 8;
    matrix_product(&loop->size[first], (double *)at[0], step[0], (const double *)at[1], step[1], (const double *)at[2],
                   step[2]);
}
#else
#define HAS_MATMUL 0
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

/* Runs them in order; returns whether one of them divided by 0, overflowed or had no value. */
static int loops_run(const Loop *loops, ptrdiff_t count) {
    feclearexcept(EXCEPTIONS);
    for (ptrdiff_t k = 0; k < count; k++) loop_over(&loops[k], 0, loops[k].at);
    return fetestexcept(EXCEPTIONS) != 0;
}
