/* Straight-line code on many examples abreast.

Numbers lie in rows of `lanes` numbers, one for each example of a block; a row has a place. Code is a list of int32: a
step, then the places that it writes, then those that it reads. Sums are made in the order in which the record has them,
and there is no fused multiply-add, so that the results are those of one example alone, to the bit. */

#include <fenv.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "_rows.h"
#include "_vectors.h"

#define EXCEPTIONS (FE_DIVBYZERO | FE_OVERFLOW | FE_INVALID)

/* STEP(name, how many numbers in the code after it, how many of them are written to, what is done in each lane), of
places p1, p2, ... as a, b, ... Those that add: `_on`. A place that is written may be one that is read. */
#define STEPS(X)                                                                                                       \
    X(ADD, 3, 1, a[i] = b[i] + c[i])                                                                                   \
    X(SUB, 3, 1, a[i] = b[i] - c[i])                                                                                   \
    X(MUL, 3, 1, a[i] = b[i] * c[i])                                                                                   \
    X(NEG, 2, 1, a[i] = -b[i])                                                                                         \
    X(COPY, 2, 1, a[i] = b[i])                                                                                         \
    X(ADD_on, 2, 1, a[i] += b[i])                                                                                      \
    X(SUB_on, 2, 1, a[i] -= b[i])                                                                                      \
    X(MUL_on, 3, 1, a[i] += b[i] * c[i])                                                                               \
    X(MUL_off, 3, 1, a[i] -= b[i] * c[i])                                                                              \
    X(MINUS, 3, 1, a[i] = -(b[i] * c[i]))                                                                              \
    X(MUL_ADD, 4, 1, a[i] = b[i] * c[i] + d[i])                                                                        \
    X(MUL_SUB, 4, 1, a[i] = b[i] * c[i] - d[i])                                                                        \
    X(SUB_MUL, 4, 1, a[i] = d[i] - b[i] * c[i])                                                                        \
    X(MULS_ADD, 5, 1, a[i] = b[i] * c[i] + d[i] * e[i])                                                                \
    X(MULS_SUB, 5, 1, a[i] = b[i] * c[i] - d[i] * e[i])                                                                \
    X(BOTH, 5, 2, const double t = c[i]; a[i] = t * e[i]; b[i] = t * d[i])                                             \
    X(BOTH_on_first, 5, 2, const double t = c[i]; a[i] += t * e[i]; b[i] = t * d[i])                                   \
    X(BOTH_on_second, 5, 2, const double t = c[i]; a[i] = t * e[i]; b[i] += t * d[i])                                  \
    X(BOTH_on, 5, 2, const double t = c[i]; a[i] += t * e[i]; b[i] += t * d[i])                                        \
    X(LESS, 5, 2, const double t = -c[i]; a[i] = t * e[i]; b[i] = t * d[i])                                            \
    X(LESS_on_first, 5, 2, const double t = -c[i]; a[i] += t * e[i]; b[i] = t * d[i])                                  \
    X(LESS_on_second, 5, 2, const double t = -c[i]; a[i] = t * e[i]; b[i] += t * d[i])                                 \
    X(LESS_on, 5, 2, const double t = -c[i]; a[i] += t * e[i]; b[i] += t * d[i])
#define NUMBER(name, numbers, written, value) STEP_##name,
enum {
    STEPS(NUMBER) STEP_SUM, STEP_MEAN, STEP_DOT, STEP_LOGSUMEXP, STEP_LARGEST, /* value, how many, arguments */
    STEP_SHARE, /* c, c, n: c / n */
    STEP_TOTAL_OF_EXP, STEP_TOTAL_OF_LARGEST, /* total, value, how many, arguments */
    STEP_EXP_on, STEP_LARGEST_on, /* cotangent, whether it is new, c, y, x, total */
    STEP_IF_LESS, STEP_IF_AT_MOST, STEP_IF_EQUAL, STEP_IF_OTHER, STEP_IF_NOTHING, /* guards: here, passed, x1, x2 */
    STEP_VALUE, /* + row: value, three arguments */
    STEP_PULL = STEP_VALUE + N_ROWS /* + 3 row + which: cotangent, whether it is new, c, y, three arguments */
};

/* How many numbers a step has with its own. */
static ptrdiff_t step_length(const int32_t *code) {
    switch (*code) {
#define LENGTH(name, numbers, written, value) case STEP_##name: return 1 + numbers;
        STEPS(LENGTH)
    case STEP_SUM: case STEP_MEAN: case STEP_DOT: case STEP_LOGSUMEXP: case STEP_LARGEST: return 3 + code[2];
    case STEP_SHARE: return 4;
    case STEP_TOTAL_OF_EXP: case STEP_TOTAL_OF_LARGEST: return 4 + code[3];
    case STEP_EXP_on: case STEP_LARGEST_on: return 7;
    case STEP_IF_LESS: case STEP_IF_AT_MOST: case STEP_IF_EQUAL: case STEP_IF_OTHER: case STEP_IF_NOTHING: return 5;
    }
    return *code < STEP_PULL ? 5 : 8;
}

static int writes_two(int step) { return step >= STEP_BOTH && step <= STEP_LESS_on; }
static int is_guard(int step) { return step >= STEP_IF_LESS && step <= STEP_IF_NOTHING; }

#define EACH for (ptrdiff_t i = 0; i < n; i++)
#define ROW(k) (m + (ptrdiff_t)code[k] * n)

/* The rows of the table; returns whether something is not finite that no exception tells of. */
#define nan NAN
#define inf INFINITY
#define VALUE_CASE(name, value, p1, p2, p3)                                                                            \
    case STEP_VALUE + ROW_##name:                                                                                      \
        VECTORS EACH { const double x1 = a[i], x2 = b[i], x3 = d[i]; (void)x1, (void)x2, (void)x3; y[i] = value; }     \
        break;
CLONES static int value_of_row(const int32_t *code, double *m, ptrdiff_t n) {
    double *const y = ROW(1);
    const double *const a = ROW(2), *const b = ROW(3), *const d = ROW(4);
    double check = 0.0;
    switch (*code) { ROWS(VALUE_CASE) }
    EACH check += y[i] - y[i];
    return check != 0.0;
}

#define PULL(name, which, partial)                                                                                     \
    case STEP_PULL + 3 * ROW_##name + which:                                                                           \
        VECTORS EACH {                                                                                                 \
            const double x1 = a[i], x2 = b[i], x3 = d[i], y = v[i];                                                    \
            (void)x1, (void)x2, (void)x3, (void)y;                                                                     \
            to[i] += c[i] * (partial);                                                                                 \
        }                                                                                                              \
        break;
#define PULL_CASE(name, value, p1, p2, p3) PULL(name, 0, p1) PULL(name, 1, p2) PULL(name, 2, p3)
CLONES static void pull_of_row(const int32_t *code, double *m, ptrdiff_t n) {
    double *const to = ROW(1);
    const double *const c = ROW(3), *const v = ROW(4), *const a = ROW(5), *const b = ROW(6), *const d = ROW(7);
    if (code[2]) memset(to, 0, n * sizeof(double));
    switch (*code) { ROWS(PULL_CASE) }
}
#undef nan
#undef inf

/* Rows of lists, in the order of the list. */
CLONES static void list_run(const int32_t *code, double *m, ptrdiff_t n) {
    double *const y = ROW(1);
    const int count = code[2];
    const int32_t *const args = code + 3;
#define ARG(k) (m + (ptrdiff_t)args[k] * n)
    if (*code == STEP_SHARE) {
        const double *c = ROW(2), share = 1.0 / code[3];
        VECTORS EACH y[i] = c[i] * share;
    } else if (*code == STEP_EXP_on || *code == STEP_LARGEST_on) {
        const double *c = ROW(3), *v = ROW(4), *x = ROW(5), *total = ROW(6);
        if (code[2]) memset(y, 0, n * sizeof(double));
        if (*code == STEP_EXP_on) EACH y[i] += c[i] * (exp(x[i] - v[i]) / total[i]);
        else VECTORS EACH y[i] += c[i] * ((x[i] == v[i] ? 1.0 : 0.0) / total[i]);
    } else if (*code == STEP_TOTAL_OF_EXP || *code == STEP_TOTAL_OF_LARGEST) {
        const double *v = ROW(2);
        memset(y, 0, n * sizeof(double));
        for (int k = 0; k < code[3]; k++) {
            const double *x = m + (ptrdiff_t)code[4 + k] * n;
            if (*code == STEP_TOTAL_OF_EXP) EACH y[i] += exp(x[i] - v[i]);
            else VECTORS EACH y[i] += x[i] == v[i] ? 1.0 : 0.0;
        }
    } else if (*code == STEP_LARGEST) {
        memcpy(y, ARG(0), n * sizeof(double));
        for (int k = 1; k < count; k++) {
            const double *x = ARG(k);
            VECTORS EACH y[i] = y[i] >= x[i] ? y[i] : x[i];
        }
    } else if (*code == STEP_LOGSUMEXP) {
        EACH {
            int place = 0;
            double largest = ARG(0)[i], sum = 0.0;
            for (int k = 1; k < count; k++)
                if (ARG(k)[i] > largest) largest = ARG(k)[i], place = k;
            for (int k = 0; k < count; k++)
                if (k != place) sum += exp(ARG(k)[i] - largest);
            y[i] = largest + log1p(sum);
        }
    } else {
        const int half = count / 2, is_dot = *code == STEP_DOT, end = is_dot ? half : count;
        ptrdiff_t i = 0;
        for (; i + 8 <= n; i += 8) {
            double sum[8] = {0};
            for (int k = 0; k < end; k++) {
                const double *x1 = ARG(k) + i;
                if (is_dot) {
                    const double *x2 = ARG(half + k) + i;
                    for (int j = 0; j < 8; j++) sum[j] += x1[j] * x2[j];
                } else {
                    for (int j = 0; j < 8; j++) sum[j] += x1[j];
                }
            }
            for (int j = 0; j < 8; j++) y[i + j] = *code == STEP_MEAN ? sum[j] / count : sum[j];
        }
        for (; i < n; i++) {
            double sum = 0.0;
            for (int k = 0; k < end; k++) sum += is_dot ? ARG(k)[i] * ARG(half + k)[i] : ARG(k)[i];
            y[i] = *code == STEP_MEAN ? sum / count : sum;
        }
    }
}

/* Guards. In the lanes that stay on the path, `here` is 1, in others 0; `passed` counts the guards that each one passed.
Returns whether all have left. Numbers that are not finite are not told apart: they are looked for otherwise. */
#define GUARD_CASE(name, stays) case STEP_IF_##name: VECTORS EACH here[i] = (stays) ? here[i] : 0.0; break;
CLONES static int guard_run(const int32_t *code, double *m, ptrdiff_t n) {
    double *const here = ROW(1), *const passed = ROW(2);
    const double *const a = ROW(3), *const b = ROW(4);
    int some = 0;
    switch (*code) {
        GUARD_CASE(LESS, a[i] < b[i])
        GUARD_CASE(AT_MOST, a[i] <= b[i])
        GUARD_CASE(EQUAL, a[i] == b[i])
        GUARD_CASE(OTHER, a[i] != b[i])
        GUARD_CASE(NOTHING, a[i] != a[i])
    }
    VECTORS EACH { passed[i] += here[i]; some |= here[i] != 0.0; }
    return !some;
}

#define ALL_LEFT 4
#define STEP_CASE(name, numbers, written, value)                                                                       \
    case STEP_##name: {                                                                                                \
        double *const a = ROW(1), *const b = ROW(2);                                                                   \
        const double *const c = ROW(numbers > 2 ? 3 : 2), *const d = ROW(numbers > 3 ? 4 : 2),                         \
                            *const e = ROW(numbers > 4 ? 5 : 2);                                                       \
        (void)c, (void)d, (void)e;                                                                                     \
        VECTORS EACH { value; }                                                                                        \
        code += 1 + numbers;                                                                                           \
        break;                                                                                                         \
    }
INLINE int steps_run(const int32_t *code, const int32_t *end, double *m, const ptrdiff_t n) {
    int wrong = 0;
    while (code < end) switch (*code) {
        STEPS(STEP_CASE)
    default:
        if (is_guard(*code)) {
            if (guard_run(code, m, n)) return wrong | ALL_LEFT;
        } else if (*code < STEP_VALUE) list_run(code, m, n);
        else if (*code < STEP_PULL) wrong |= value_of_row(code, m, n);
        else pull_of_row(code, m, n);
        code += step_length(code);
    }
    return wrong;
}

static int run_1(const int32_t *code, const int32_t *end, double *m) { return steps_run(code, end, m, 1); }
CLONES static int run_8(const int32_t *code, const int32_t *end, double *m) { return steps_run(code, end, m, 8); }
CLONES static int run_32(const int32_t *code, const int32_t *end, double *m) { return steps_run(code, end, m, 32); }
CLONES static int run_64(const int32_t *code, const int32_t *end, double *m) { return steps_run(code, end, m, 64); }
CLONES static int run_128(const int32_t *code, const int32_t *end, double *m) { return steps_run(code, end, m, 128); }

/* Runs code on 1, 8, 32, 64 or 128 lanes, until all have left the path; returns 1 if something is known not to be
finite, and ALL_LEFT. */
static int lanes_run(const int32_t *code, const int32_t *end, double *m, int lanes) {
    switch (lanes) {
    case 1: return run_1(code, end, m);
    case 8: return run_8(code, end, m);
    case 32: return run_32(code, end, m);
    case 64: return run_64(code, end, m);
    }
    return run_128(code, end, m);
}

/* Marks the lanes, of those that are still here, in which a row is not finite. */
CLONES static void mark(const double *row, int lanes, const double *here, unsigned char *strange) {
    for (int i = 0; i < lanes; i++) strange[i] |= here[i] != 0.0 && row[i] - row[i] != 0.0;
}

#define TILE 8 /* numbers in a line of the cache */

/* `width` columns of `here` rows of numbers become as many rows of lanes, the last of which repeat the last number.
Returns whether something is not finite. */
CLONES static int load_columns(const double *rows, ptrdiff_t width, int here, double *to, int lanes) {
    double check = 0.0;
    for (ptrdiff_t first = 0; first < width; first += TILE) {
        const ptrdiff_t end = first + TILE < width ? first + TILE : width;
        for (int start = 0; start < lanes; start += TILE) {
            const int stop = start + TILE < lanes ? start + TILE : lanes;
            for (ptrdiff_t j = first; j < end; j++)
                for (int i = start; i < stop; i++) to[j * lanes + i] = rows[(i < here ? i : here - 1) * width + j];
        }
        for (ptrdiff_t i = first * lanes; i < end * lanes; i++) check += to[i] - to[i];
    }
    return check != 0.0;
}

/* The places of rows of lanes become columns of `here` rows of numbers; a place -1 is left out. -0 becomes 0, as in sums
that begin at 0. Returns whether something is not finite. */
CLONES static int store_columns(const double *m, const int32_t *places, ptrdiff_t width, int here, double *rows,
                                int lanes) {
    double check = 0.0;
    for (ptrdiff_t first = 0; first < width; first += TILE) {
        const ptrdiff_t end = first + TILE < width ? first + TILE : width;
        for (int start = 0; start < here; start += TILE) {
            const int stop = start + TILE < here ? start + TILE : here;
            for (ptrdiff_t j = first; j < end; j++) {
                const double *row = m + (ptrdiff_t)places[j] * lanes;
                if (places[j] < 0) continue;
                for (int i = start; i < stop; i++) {
                    rows[i * width + j] = row[i] + 0.0;
                    check += row[i] - row[i];
                }
            }
        }
    }
    return check != 0.0;
}

/* The same, step by step: marks the lanes in which something is not finite. An operation that a guard expects to have no
value may be nan; where it is infinite, it depends on the operation whether that is a value. */
static int lanes_look(const int32_t *code, const int32_t *end, double *m, int lanes, const double *here,
                      unsigned char *strange) {
    while (code < end) {
        const int32_t *next = code + step_length(code);
        const double *row = m + (ptrdiff_t)code[1] * lanes;
        const int expects = next < end && *next == STEP_IF_NOTHING;
        if (lanes_run(code, next, m, lanes) & ALL_LEFT) return ALL_LEFT;
        if (expects)
            for (int i = 0; i < lanes; i++) strange[i] |= here[i] != 0.0 && row[i] == row[i] && row[i] - row[i] != 0.0;
        else if (!is_guard(*code)) mark(row, lanes, here, strange);
        if (writes_two(*code)) mark(m + (ptrdiff_t)code[2] * lanes, lanes, here, strange);
        code = next;
    }
    return 0;
}
