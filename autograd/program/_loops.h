/* Steps on numbers wherever they lie in memory.

A step goes over `axes` axes; for the result (0) and the operands it says where the first number is, and how many numbers
it is to the next one along each axis. Kernels, printed from the table, know only numbers in order: blocks of them are
brought together before, where they do not lie so, and put where they belong after. Along an axis where the result does
not move it is folded. */

#include <fenv.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "_vectors.h"

/* Exponentials that the compiler can compute for several numbers at once: no calls, no branches; to 1.5 units in the last
place. Arguments are limited as whole numbers, of which the bits of positive doubles have the order. That takes nan and
infinity for numbers; adding 0 x makes them nan again. */
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

#include "_rows.h"

#define AXES 6
#define MOST_OPERANDS 5 /* c, y, x1, x2, x3; of a value x1, x2, x3 are the last */
#define BLOCK 512
#define EACH for (ptrdiff_t i = 0; i < n; i++)

enum { COPY, ZERO, MUL, TILES, VALUE, PULL = VALUE + N_ROWS, N_KERNELS = PULL + 3 * N_ROWS };
enum { SET, ADD, ADD_IN_ORDER, MAX };

typedef struct {
    int kernel, how, axes, looks; /* looks: whether operands that are not finite are to be told of */
    ptrdiff_t size[AXES];
    double *at[1 + MOST_OPERANDS]; /* NULL: not read */
    ptrdiff_t step[1 + MOST_OPERANDS][AXES];
    const ptrdiff_t *row[2]; /* of a copy: which places along the first axis, of the result and of the operand */
    ptrdiff_t together; /* how many, from this one on, are run block by block; 0 or 1: none */
} Step;

/* ------------------------------------------------------------ kernels, on numbers in order */

#define exp exp_of
#define tanh tanh_of
#define nan NAN
#define inf INFINITY
#define KERNEL(number, value)                                                                                          \
    case number:                                                                                                       \
        VECTORS EACH {                                                                                                 \
            const double c = pc[i], y = py[i], x1 = p1[i], x2 = p2[i], x3 = p3[i];                                     \
            (void)c, (void)y, (void)x1, (void)x2, (void)x3;                                                            \
            out[i] = value;                                                                                            \
        }                                                                                                              \
        break;
#define VALUE_KERNEL(name, value, s1, s2, s3) KERNEL(VALUE + ROW_##name, value)
#define PULL_KERNELS(name, value, s1, s2, s3)                                                                          \
    KERNEL(PULL + 3 * ROW_##name, c * (s1))                                                                            \
    KERNEL(PULL + 3 * ROW_##name + 1, c * (s2))                                                                        \
    KERNEL(PULL + 3 * ROW_##name + 2, c * (s3))
CLONES static void values(int kernel, ptrdiff_t n, double *out, const double *const *at) {
    const double *const pc = at[0], *const py = at[1], *const p1 = at[2], *const p2 = at[3], *const p3 = at[4];
    switch (kernel) { ROWS(VALUE_KERNEL) }
}

CLONES static void pulls(int kernel, ptrdiff_t n, double *out, const double *const *at) {
    const double *const pc = at[0], *const py = at[1], *const p1 = at[2], *const p2 = at[3], *const p3 = at[4];
    switch (kernel) { ROWS(PULL_KERNELS) }
}
#undef exp
#undef tanh
#undef nan
#undef inf

/* ------------------------------------------------------------ blocks: rows of `n` numbers, s1 apart, s2 from row to row */

INLINE double larger(double x, double y) { return x >= y || x != x ? x : y; }

CLONES static void gather(double *to, const double *from, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t s2, ptrdiff_t s1) {
    for (ptrdiff_t r = 0; r < rows; r++, to += n, from += s2)
        if (s1 == 1) EACH to[i] = from[i];
        else if (s1 == 0) EACH to[i] = *from;
        else EACH to[i] = from[i * s1];
}

/* Sums of what a row gives, several side by side: they need not wait for each other, and are rounded less. */
INLINE double sum_of(const double *x, ptrdiff_t n) {
    double sums[8] = {0}, rest = 0.0;
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sums[k] += x[i + k];
    for (; i < n; i++) rest += x[i];
    return (((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))) + rest;
}

CLONES static void scatter(int how, double *to, const double *from, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t s2,
                           ptrdiff_t s1) {
    for (ptrdiff_t r = 0; r < rows; r++, to += s2, from += n) {
        if (s1 == 0 && n > 1) {
            if (how == ADD) *to += sum_of(from, n);
            else if (how == ADD_IN_ORDER) EACH *to += from[i];
            else EACH *to = larger(*to, from[i]);
        } else if (how == SET) {
            if (s1 == 1) VECTORS EACH to[i] = from[i];
            else EACH to[i * s1] = from[i];
        } else if (how == MAX) {
            EACH to[i * s1] = larger(to[i * s1], from[i]);
        } else {
            if (s1 == 1) VECTORS EACH to[i] += from[i];
            else EACH to[i * s1] += from[i];
        }
    }
}

CLONES static int any_strange(const double *x, ptrdiff_t n) {
    const int64_t exponent = 0x7ff0000000000000;
    int64_t found = 0;
    EACH found |= -(int64_t)((bits_of(x[i]) & exponent) == exponent);
    return found != 0;
}

/* The last two axes; returns whether it has met what it looks for. */
static int run_block(const Step *step, double *const *at, ptrdiff_t rows, ptrdiff_t n, int last) {
    double memory[1 + MOST_OPERANDS][BLOCK];
    const double *operands[MOST_OPERANDS];
    const ptrdiff_t count = rows * n;
    int strange = 0;
#define S1(j) step->step[j][last]
#define S2(j) (last ? step->step[j][last - 1] : 0)
#define IN_ORDER(j) (n == 1 ? rows == 1 || S2(j) == 1 : S1(j) == 1 && (rows == 1 || S2(j) == n))
    for (int j = 1; j <= MOST_OPERANDS; j++) {
        operands[j - 1] = memory[0];
        if (!at[j]) continue;
        if (IN_ORDER(j)) {
            operands[j - 1] = at[j];
        } else {
            gather(memory[j], at[j], rows, n, S2(j), S1(j));
            operands[j - 1] = memory[j];
        }
        if (step->looks) strange |= any_strange(operands[j - 1], count);
    }
    const int direct = step->how == SET && IN_ORDER(0);
    double *const out = direct ? at[0] : memory[0];
    const double *found = out;
    if (step->kernel == COPY) {
        found = operands[2];
        if (direct) memcpy(out, found, count * sizeof(double));
    } else if (step->kernel == ZERO) {
        memset(out, 0, count * sizeof(double));
    } else if (step->kernel < PULL) {
        values(step->kernel, count, out, operands);
    } else {
        pulls(step->kernel, count, out, operands);
    }
    if (!direct) scatter(step->how, at[0], found, rows, n, S2(0), S1(0));
    return strange;
}

static int run_map(const Step *step, int axis, double *const *at) {
    const int last = step->axes - 1;
    const ptrdiff_t n = step->size[last];
    double *here[1 + MOST_OPERANDS];
    int strange = 0;
    memcpy(here, at, sizeof here);
    if (axis < last - 1 || (axis == last - 1 && n > BLOCK)) {
        for (ptrdiff_t i = 0; i < step->size[axis]; i++) {
            strange |= run_map(step, axis + 1, here);
            for (int j = 0; j <= MOST_OPERANDS; j++)
                if (here[j]) here[j] += step->step[j][axis];
        }
        return strange;
    }
    /* Some rows at a time, or a part of one row. */
    const ptrdiff_t rows = axis < last ? step->size[axis] : 1, by_row = axis < last ? axis : last;
    const ptrdiff_t total = axis < last ? rows : n, most = axis < last ? BLOCK / n : BLOCK;
    for (ptrdiff_t i = 0; i < total; i += most) {
        const ptrdiff_t some = total - i < most ? total - i : most;
        strange |= axis < last ? run_block(step, here, some, n, last) : run_block(step, here, 1, some, last);
        for (int j = 0; j <= MOST_OPERANDS; j++)
            if (here[j]) here[j] += some * step->step[j][by_row];
    }
    return strange;
}

/* Copies of rows, from or to any places: the axis of places, and at most one more. */
#define ROWS_OF(DO)                                                                                                    \
    if (n == 1) for (ptrdiff_t i = 0; i < rows; i++) DO(out0[(to ? to[i] : i) * t0], x0[(from ? from[i] : i) * t1]);    \
    else for (ptrdiff_t i = 0; i < rows; i++) {                                                                        \
        double *const out = out0 + (to ? to[i] : i) * t0;                                                              \
        const double *const x = x0 + (from ? from[i] : i) * t1;                                                        \
        if (s0 == 1 && s1 == 1) VECTORS for (ptrdiff_t k = 0; k < n; k++) DO(out[k], x[k]);                            \
        else for (ptrdiff_t k = 0; k < n; k++) DO(out[k * s0], x[k * s1]);                                             \
    }
#define DO_SET(y, x) y = x
#define DO_ADD(y, x) y += x
#define DO_MAX(y, x) y = larger(y, x)
CLONES static void run_rows(const Step *step) {
    static const double zero = 0.0;
    const int has_x = step->at[3] != NULL, has_more = step->axes > 1;
    const ptrdiff_t *const to = step->row[0], *const from = step->row[1];
    const ptrdiff_t rows = step->size[0], n = has_more ? step->size[1] : 1, t0 = step->step[0][0], s0 = step->step[0][1];
    const ptrdiff_t t1 = has_x ? step->step[3][0] : 0, s1 = has_x && has_more ? step->step[3][1] : 0;
    double *const out0 = step->at[0];
    const double *const x0 = has_x ? step->at[3] : &zero;
    if (step->how == SET) { ROWS_OF(DO_SET) } else if (step->how == MAX) { ROWS_OF(DO_MAX) } else { ROWS_OF(DO_ADD) }
}

/* ------------------------------------------------------------ products */

#ifdef __GNUC__
#define HAS_TILES 1
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
    double rest = 0.0;
    for (; i < n; i++) rest += a[i] * b[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

/* m by 4 r sums of products along k. */
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

/* A stack of products: out (m, r) = a (m, k) b (k, r), r at least 4, out and b in order along it. The last tile may overlap
the one before. */
CLONES static void run_tiles(const Step *step) {
    const ptrdiff_t m = step->size[1], k = step->size[2], r = step->size[3];
    for (ptrdiff_t i = 0; i < step->size[0]; i++) {
        double *const out = step->at[0] + i * step->step[0][0];
        const double *const a = step->at[3] + i * step->step[3][0], *const b = step->at[4] + i * step->step[4][0];
        const ptrdiff_t s0 = step->step[0][1], s1[2] = {step->step[3][1], step->step[3][2]}, s2 = step->step[4][2];
        ptrdiff_t j = 0;
        for (; j + 8 <= r; j += 8) tiles(2, m, k, out + j, s0, a, s1, b + j, s2);
        for (; j < r; j += 4) {
            if (j + 4 > r) j = r - 4;
            tiles(1, m, k, out + j, s0, a, s1, b + j, s2);
        }
    }
}
#else
#define HAS_TILES 0
INLINE double sum_of_products(ptrdiff_t n, const double *a, const double *b) {
    double sum = 0.0;
    EACH sum += a[i] * b[i];
    return sum;
}
static void run_tiles(const Step *step) { (void)step; }
#endif

/* Sums of products along the last axis, or of multiples of numbers along it. */
CLONES static void add_products(ptrdiff_t n, double *out, ptrdiff_t s0, const double *a, ptrdiff_t s1, const double *b,
                                ptrdiff_t s2) {
    if (s0 == 0 && s1 == 1 && s2 == 1) *out += sum_of_products(n, a, b);
    else if (s0 == 1 && s1 == 1 && s2 == 1) VECTORS EACH out[i] += a[i] * b[i];
    else if (s0 == 1 && s1 == 1 && s2 == 0) { const double y = *b; VECTORS EACH out[i] += a[i] * y; }
    else if (s0 == 1 && s1 == 0 && s2 == 1) { const double x = *a; VECTORS EACH out[i] += x * b[i]; }
    else if (s0 == 0) { double sum = 0.0; EACH sum += a[i * s1] * b[i * s2]; *out += sum; }
    else EACH out[i * s0] += a[i * s1] * b[i * s2];
}

static void run_products(const Step *step, int axis, double *out, const double *a, const double *b) {
    const ptrdiff_t s0 = step->step[0][axis], s1 = step->step[3][axis], s2 = step->step[4][axis];
    if (axis == step->axes - 1) add_products(step->size[axis], out, s0, a, s1, b, s2);
    else for (ptrdiff_t i = 0; i < step->size[axis]; i++)
        run_products(step, axis + 1, out + i * s0, a + i * s1, b + i * s2);
}

/* ------------------------------------------------------------ several steps, block by block */

static int is_line(const Step *step) {
    return step->axes == 1 && step->kernel != TILES && !step->row[0] && !step->row[1];
}

/* Whether b, after a, may begin before a has ended, if both do the same places: what one of them writes is nothing of the
other's, or number by number the same. */
static int may_interleave(const Step *a, const Step *b, int anywhere) {
    for (int i = 0; i <= MOST_OPERANDS; i++)
        for (int j = 0; j <= MOST_OPERANDS; j++) {
            if ((i && j) || !a->at[i] || !b->at[j]) continue;
            if (!anywhere && a->at[i] == b->at[j] && a->step[i][0] == b->step[j][0] && a->step[i][0]) continue;
            if (a->at[i] <= b->at[j] + (b->size[0] - 1) * b->step[j][0] &&
                b->at[j] <= a->at[i] + (a->size[0] - 1) * a->step[i][0])
                return 0;
        }
    return 1;
}

/* Long steps that follow each other are run together, block by block, so that what one of them writes is in the nearest
cache when the next one reads it: `together` of the first is how many. Short ones that come in between, and have nothing
to do with them, are put before them. */
static void steps_arrange(Step *steps, ptrdiff_t count) {
    Step *group = steps;
    for (ptrdiff_t k = 0; k < count; k++) {
        const Step step = steps[k];
        const int is_long = is_line(&step) && step.size[0] > 2 * BLOCK;
        const ptrdiff_t members = steps + k - group;
        int fits = is_long && group->together && group->size[0] == step.size[0];
        int apart = is_line(&step) && !is_long && group->together;
        for (ptrdiff_t i = 0; i < members && (fits || apart); i++) {
            fits = fits && may_interleave(&group[i], &step, 0);
            apart = apart && may_interleave(&group[i], &step, 1);
        }
        if (fits) {
            group->together++;
        } else if (apart) {
            memmove(group + 1, group, members * sizeof(Step));
            *group++ = step;
        } else {
            group = steps + k;
            group->together = is_long;
        }
    }
}

static int run_group(const Step *steps, ptrdiff_t count) {
    int strange = 0;
    for (ptrdiff_t i = 0; i < steps->size[0]; i += BLOCK)
        for (ptrdiff_t k = 0; k < count; k++) {
            const Step *const step = &steps[k];
            const ptrdiff_t n = step->size[0] - i < BLOCK ? step->size[0] - i : BLOCK;
            double *at[1 + MOST_OPERANDS];
            for (int j = 0; j <= MOST_OPERANDS; j++) at[j] = step->at[j] ? step->at[j] + i * step->step[j][0] : NULL;
            if (step->kernel == MUL)
                add_products(n, at[0], step->step[0][0], at[3], step->step[3][0], at[4], step->step[4][0]);
            else strange |= run_block(step, at, 1, n, 0);
        }
    return strange;
}

/* Runs them; returns STRANGE if one of them has met what it looks for, and RAISED if there was a division by 0, an overflow
or an operation without a value: without any of these, finite numbers lead to finite numbers. */
enum { RAISED = 1, STRANGE = 2 };
static int steps_run(const Step *steps, ptrdiff_t count) {
    const int exceptions = FE_DIVBYZERO | FE_OVERFLOW | FE_INVALID;
    int strange = 0;
    feclearexcept(exceptions);
    for (ptrdiff_t k = 0; k < count; k++) {
        const Step *const step = &steps[k];
        if (step->together > 1) {
            strange |= run_group(step, step->together);
            k += step->together - 1;
        } else if (step->kernel == TILES) run_tiles(step);
        else if (step->kernel == MUL) run_products(step, 0, step->at[0], step->at[3], step->at[4]);
        else if (step->row[0] || step->row[1]) run_rows(step);
        else strange |= run_map(step, 0, step->at);
    }
    return (strange ? STRANGE : 0) | (fetestexcept(exceptions) ? RAISED : 0);
}
