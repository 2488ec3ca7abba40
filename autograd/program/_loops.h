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
enum { UNARY(NUMBER) BINARY(NUMBER) COMPARISONS(NUMBER) FOLDS(NUMBER) OP_choose, N_LOOPS };
#define NAME(name, value) #name,
static const char *const loop_names[] = {UNARY(NAME) BINARY(NAME) COMPARISONS(NAME) FOLDS(NAME) "choose"};

typedef struct {
    int op, axes;
    ptrdiff_t size[AXES];
    char *at[3];
    ptrdiff_t step[3][AXES];
    const ptrdiff_t *row[3];
} Loop;

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
static void loop_inner(int op, ptrdiff_t n, char *const *at, const ptrdiff_t *step, const ptrdiff_t *const *row) {
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

static void loop_over(const Loop *loop, int axis, char *const *at) {
    static const ptrdiff_t *const all[3] = {NULL, NULL, NULL};
    const ptrdiff_t *const *const row = axis ? all : loop->row;
    const ptrdiff_t step[3] = {loop->step[0][axis], loop->step[1][axis], loop->step[2][axis]};
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
