/* The rows of lists, sum, mean, dot and logsumexp, in C: what `autograd/primitives.py` says of them, once.

Numbers lie `stride` doubles apart. Sums run from the first to the last, so that the bits are those of Python. */

#include <math.h>
#include <stddef.h>

static inline double sum_of(const double *x, size_t stride, size_t n) {
    double y = 0.0;
    for (size_t i = 0; i < n; i++) y += x[i * stride];
    return y;
}

static inline double mean_of(const double *x, size_t stride, size_t n) { return sum_of(x, stride, n) / (double)n; }

static inline double dot_of(const double *x1, const double *x2, size_t stride, size_t n) {
    double y = 0.0;
    for (size_t i = 0; i < n; i++) y += x1[i * stride] * x2[i * stride];
    return y;
}

/* From differences to the largest, whose own term is the 1 in log1p. n > 0. */
static inline double logsumexp_of(const double *x, size_t stride, size_t n) {
    size_t place = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i * stride] > x[place * stride]) place = i;
    const double largest = x[place * stride];
    double y = 0.0;
    for (size_t i = 0; i < n; i++)
        if (i != place) y += exp(x[i * stride] - largest);
    return largest + log1p(y);
}

/* The partials of logsumexp in the place of the numbers: w / (w + sum of all others), which loses no digit where one of
them is nearly 1. Sums of the others are put together from blocks. room: for 2 n numbers. */
static inline void softmax_of(double *x, size_t n, double *room) {
    double *sums = room, *found = room + n;
    const size_t root = (size_t)sqrt((double)n), size = root > 8 ? root : 8, blocks = (n + size - 1) / size;
    double largest = x[0];
    for (size_t i = 1; i < n; i++) largest = fmax(largest, x[i]);
    for (size_t i = 0; i < n; i++) x[i] = exp(x[i] - largest);
    for (size_t k = 0; k < blocks; k++) {
        sums[k] = 0.0;
        for (size_t i = k * size; i < n && i < (k + 1) * size; i++) sums[k] += x[i];
    }
    for (size_t k = 0; k < blocks; k++) {
        const size_t start = k * size, end = start + size < n ? start + size : n;
        double outside = 0.0;
        for (size_t j = 0; j < blocks; j++)
            if (j != k) outside += sums[j];
        for (size_t i = start; i < end; i++) {
            double rest = 0.0;
            for (size_t j = start; j < end; j++)
                if (j != i) rest += x[j];
            rest += outside;
            found[i] = x[i] / (x[i] + rest);
        }
    }
    for (size_t i = 0; i < n; i++) x[i] = found[i];
}
