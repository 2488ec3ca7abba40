# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A record as straight-line code on many examples abreast: see _lanes.h for how it runs, and straight.py, which asks.

A place is kept for a value only if a partial derivative reads it, and for a cotangent from its last user to its node;
whoever writes to one first assigns.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

cdef extern from "_lanes.h":
    enum:
        STEP_ADD, STEP_SUB, STEP_MUL, STEP_NEG, STEP_COPY, STEP_ADD_on, STEP_SUB_on, STEP_MUL_on, STEP_MUL_off
        STEP_MINUS, STEP_MUL_ADD, STEP_MUL_SUB, STEP_SUB_MUL, STEP_MULS_ADD, STEP_MULS_SUB, STEP_BOTH
        STEP_SUM, STEP_MEAN, STEP_DOT, STEP_LOGSUMEXP, STEP_LARGEST, STEP_SHARE, STEP_TOTAL_OF_EXP
        STEP_TOTAL_OF_LARGEST, STEP_EXP_on, STEP_LARGEST_on, STEP_VALUE, STEP_PULL, N_ROWS, EXCEPTIONS
    const char *row_names[]
    const uint8_t row_reads[][4]
    bint lanes_run(const int32_t *code, const int32_t *end, double *m, int lanes) nogil
    void mark(const double *row, int lanes, uint8_t *strange) nogil
    bint load_columns(const double *rows, Py_ssize_t width, int here, double *to, int lanes) nogil
    bint store_columns(
        const double *m, const int32_t *places, Py_ssize_t width, int here, double *rows, int lanes
    ) nogil
    void lanes_look(const int32_t *code, const int32_t *end, double *m, int lanes, uint8_t *strange) nogil

cdef extern from "<fenv.h>" nogil:
    int feclearexcept(int)
    int fetestexcept(int)

cdef enum:
    MOST_LANES = 128
    FLOWS = 16
    OF_Y = 8

# What a row of the table is done by.
KINDS = {row_names[i].decode(): STEP_VALUE + i for i in range(N_ROWS)} | {
    "add": STEP_ADD, "sub": STEP_SUB, "mul": STEP_MUL, "neg": STEP_NEG, "sum": STEP_SUM, "mean": STEP_MEAN,
    "dot": STEP_DOT, "logsumexp": STEP_LOGSUMEXP, "largest": STEP_LARGEST,
}


cdef int reads(int kind, int i, int count) noexcept:
    """What the partial for argument i reads, in the bits of `row_reads`; of lists, 1 for all arguments."""
    if kind >= STEP_VALUE:
        return row_reads[kind - STEP_VALUE][1 + i]
    if kind == STEP_MUL:
        return FLOWS | (2 if i == 0 else 1)
    if kind == STEP_LOGSUMEXP or kind == STEP_LARGEST:
        return FLOWS | OF_Y | 1
    return FLOWS | (1 if kind == STEP_DOT else 0)


cdef class Code:
    """The code of a record: `values`, then `pulls`; and how many places it needs.

    kinds: of each operation, from KINDS. start, args: as in a Record. wanted: a byte for each leaf, whether it is
    differentiated by; none need be. outputs: node numbers, the first of which is differentiated.
    """

    cdef readonly object values, pulls
    cdef readonly int n_places, seed  # where the cotangent of the first output belongs, or -1
    cdef readonly object place, slope  # of nodes: where their values are; of leaves: where their cotangents are, or -1
    cdef const int32_t[::1] kinds, args
    cdef const int64_t[::1] start
    cdef int first
    cdef uint8_t[::1] needed, kept, touched, freed
    cdef int32_t[::1] at, of, free, code, last, into
    cdef Py_ssize_t n_free, n_code, n_kept, top

    def __init__(
        self, const int32_t[::1] kinds, const int64_t[::1] start, const int32_t[::1] args,
        const uint8_t[::1] wanted, outputs,
    ):
        cdef Py_ssize_t n = kinds.shape[0], n_nodes = n + wanted.shape[0], i
        self.kinds, self.start, self.args, self.first = kinds, start, args, wanted.shape[0]
        self.needed, self.touched = np.zeros(n_nodes, np.uint8), np.zeros(n_nodes, np.uint8)
        self.kept, self.freed = np.zeros(n_nodes, np.uint8), np.zeros(n_nodes, np.uint8)
        self.last, self.into = np.full(n_nodes, -1, np.int32), np.full(n_nodes, -1, np.int32)
        self.at, self.of = np.full(n_nodes, -1, np.int32), np.full(n_nodes, -1, np.int32)
        self.free = np.empty(n_nodes + 8, np.int32)
        self.code = np.empty(10 * n + 10 * args.shape[0] + 8, np.int32)
        for i in range(self.first):
            self.needed[i] = wanted[i]
        self.look(outputs)
        self.write_values()
        self.values = np.array(self.code[:self.n_code])
        self.n_code = 0
        self.seed = -1
        if self.touched[outputs[0]]:
            self.write_pulls(outputs[0])
        self.pulls = np.array(self.code[:self.n_code])
        self.n_places = self.top
        self.place, self.slope = np.asarray(self.at), np.array(self.of[:self.first])

    cdef void look(self, outputs):
        """What is needed, what is reached by a cotangent (`touched`, until they are written), and what is kept."""
        cdef Py_ssize_t k, j, s, count
        cdef int what
        for k in range(self.kinds.shape[0]):
            s, count = self.start[k], self.start[k + 1] - self.start[k]
            for j in range(count):
                if self.needed[self.args[s + j]] and reads(self.kinds[k], j, count):
                    self.needed[self.first + k] = 1
        self.touched[outputs[0]] = self.needed[outputs[0]]
        for k in range(self.kinds.shape[0] - 1, -1, -1):
            if not self.touched[self.first + k]:
                continue
            s, count = self.start[k], self.start[k + 1] - self.start[k]
            for j in range(count):
                what = reads(self.kinds[k], j, count)
                if not what or not self.needed[self.args[s + j]]:
                    continue
                self.touched[self.args[s + j]] = 1
                self.keep(k, s, count, what)
        for k in outputs:
            self.kept[k] = 1

    cdef void keep(self, Py_ssize_t k, Py_ssize_t s, Py_ssize_t count, int what):
        cdef Py_ssize_t j
        if what & OF_Y:
            self.kept[self.first + k] = 1
        if self.kinds[k] < STEP_VALUE and self.kinds[k] != STEP_MUL:
            if what & 1:
                for j in range(count):
                    self.kept[self.args[s + j]] = 1
            return
        for j in range(count):
            if what >> j & 1:
                self.kept[self.args[s + j]] = 1

    cdef inline int new(self):
        if self.n_free:
            self.n_free -= 1
            return self.free[self.n_free]
        self.top += 1
        return self.top - 1

    cdef inline void give_back(self, int place):
        self.free[self.n_free] = place
        self.n_free += 1

    cdef inline void put(self, int x):
        self.code[self.n_code] = x
        self.n_code += 1

    cdef bint absorbed(self, int x):
        """Whether a value is a product that a sum or a difference makes for itself, as the only one that needs it."""
        return x >= self.first and self.kinds[x - self.first] == STEP_MUL and self.into[x] >= 0

    cdef void count(self):
        """`last`: where each value is read last. `into`: of products, the sum that makes them, or -1."""
        cdef Py_ssize_t k, j
        cdef int x
        for k in range(self.kinds.shape[0]):
            for j in range(self.start[k], self.start[k + 1]):
                x = self.args[j]
                self.into[x] = k if self.last[x] < 0 else -1
                self.last[x] = k
                if self.kept[x] or (self.kinds[k] != STEP_ADD and self.kinds[k] != STEP_SUB):
                    self.into[x] = -1
        for k in range(self.kinds.shape[0]):
            x = self.first + k
            if self.absorbed(x):
                for j in range(self.start[k], self.start[k + 1]):
                    self.last[self.args[j]] = max(self.last[self.args[j]], self.into[x])

    cdef void lay_out(self):
        """Places of leaves, of their cotangents, and of the values that are kept: in order, as they are read again."""
        cdef Py_ssize_t k
        self.top = self.first
        for k in range(self.first):
            self.at[k] = k
            if self.touched[k]:
                self.of[k] = self.top
                self.top += 1
        for k in range(self.first, self.kept.shape[0]):
            if self.kept[k]:
                self.at[k] = self.top
                self.top += 1
        self.n_kept = self.top

    cdef void write_values(self):
        cdef Py_ssize_t k, j, s, count
        cdef int kind, y
        cdef bint is_list
        self.count()
        self.lay_out()
        for k in range(self.kinds.shape[0]):
            kind, s, count, y = self.kinds[k], self.start[k], self.start[k + 1] - self.start[k], self.first + k
            if self.absorbed(y):
                continue
            is_list = STEP_SUM <= kind < STEP_VALUE
            if is_list and self.at[y] < 0:
                self.at[y] = self.new()  # while it is computed, all arguments are still read
            j = self.n_code
            self.n_code += 2
            if is_list:
                self.put(count)
            if kind == STEP_ADD or kind == STEP_SUB:
                kind = self.write_sum(kind, k, self.args[s], self.args[s + 1])
            else:
                self.read(k, s, count)
            if kind >= STEP_VALUE:
                while self.n_code < j + 5:
                    self.put(self.code[j + 2])
            if self.at[y] < 0:
                self.at[y] = self.new()
            self.code[j], self.code[j + 1] = kind, self.at[y]
            if self.last[y] < 0 and not self.kept[y]:
                self.give_back(self.at[y])

    cdef int write_sum(self, int kind, Py_ssize_t k, int x1, int x2):
        """The arguments of a sum or a difference, and of products in it; returns the step."""
        cdef bint plus = kind == STEP_ADD
        cdef int other = x2 if self.absorbed(x1) else x1
        if not self.absorbed(x1) and not self.absorbed(x2):
            self.read(k, self.start[k], 2)
            return kind
        if self.absorbed(x1):
            self.read(k, self.start[x1 - self.first], 2)
        if self.absorbed(x2):
            self.read(k, self.start[x2 - self.first], 2)
        if self.absorbed(x1) and self.absorbed(x2):
            return STEP_MULS_ADD if plus else STEP_MULS_SUB
        self.read_one(k, other)
        return STEP_MUL_ADD if plus else STEP_MUL_SUB if other == x2 else STEP_SUB_MUL

    cdef void read(self, Py_ssize_t k, Py_ssize_t s, Py_ssize_t count):
        """The places of some arguments, for step k; after it, those that nobody reads any more are free."""
        cdef Py_ssize_t j
        for j in range(s, s + count):
            self.read_one(k, self.args[j])

    cdef void read_one(self, Py_ssize_t k, int x):
        self.put(self.at[x])
        if x >= self.first and self.last[x] == k and not self.kept[x] and not self.freed[x]:
            self.freed[x] = 1
            self.give_back(self.at[x])

    cdef void write_pulls(self, int output):
        cdef Py_ssize_t k
        cdef int y
        self.n_free = 0
        for k in range(self.n_kept, self.top):  # places of values that are not kept are free from now on
            self.give_back(k)
        if output < self.first:
            self.seed = self.of[output]
            return
        cdef uint8_t[::1] reached = self.touched
        self.touched = np.zeros(reached.shape[0], np.uint8)
        self.seed = self.of[output] = self.new()
        self.touched[output] = 1
        for k in range(self.kinds.shape[0] - 1, -1, -1):
            y = self.first + k
            if self.touched[y] and not self.pull(k, self.of[y]):
                self.give_back(self.of[y])

    cdef inline bint is_new(self, int x):
        """Whether an argument has no place for its cotangent as yet, and may be given any."""
        return x >= self.first and not self.touched[x]

    cdef inline bint to(self, int x):
        """Sees to a place for the cotangent of x; whether it has got something already, which is to be added to."""
        if self.touched[x]:
            return True
        self.touched[x] = 1
        if x >= self.first:
            self.of[x] = self.new()
        return False

    cdef bint pull(self, Py_ssize_t k, int c):
        """The steps that hand the cotangent at c on; whether its place went to an argument."""
        cdef Py_ssize_t s = self.start[k], count = self.start[k + 1] - s, j
        cdef int kind = self.kinds[k], y = self.first + k, x
        if kind == STEP_ADD or kind == STEP_SUB or kind == STEP_NEG:
            return self.pull_sum(k, s, count, c)
        if kind == STEP_MUL:
            return self.pull_product(self.args[s], self.args[s + 1], c, False, True)
        if kind >= STEP_VALUE:
            for j in range(count):
                x = self.args[s + j]
                if self.needed[x] and reads(kind, j, count):
                    adds = self.to(x)
                    self.put(STEP_PULL + 3 * (kind - STEP_VALUE) + j)
                    self.put(self.of[x])
                    self.put(not adds)
                    self.put(c)
                    self.put(self.at[y])
                    self.three(s, count)
            return False
        self.pull_list(kind, s, count, y, c)
        return False

    cdef void three(self, Py_ssize_t s, Py_ssize_t count):
        cdef Py_ssize_t j
        for j in range(3):
            self.put(self.at[self.args[s + (j if j < count else 0)]])

    cdef int at_once(self, Py_ssize_t k):
        """The product just before a sum or a difference, if only that needs it: what is handed to it goes on at once."""
        cdef int x = self.first + k - 1
        cdef Py_ssize_t s = self.start[k]
        if k == 0 or self.into[x] != k or self.kinds[k - 1] != STEP_MUL or not self.needed[x]:
            return -1
        return -1 if self.args[self.start[k - 1]] == self.args[self.start[k - 1] + 1] else x

    cdef bint pull_sum(self, Py_ssize_t k, Py_ssize_t s, Py_ssize_t count, int c):
        cdef int kind = self.kinds[k], x, last = self.at_once(k)
        cdef Py_ssize_t j
        cdef bint given = False, minus
        for j in range(count):
            x = self.args[s + j]
            if not self.needed[x] or x == last:
                continue
            minus = kind == STEP_NEG or (kind == STEP_SUB and j == 1)
            if self.is_new(x) and not given and not (minus and last >= 0):
                given, self.of[x], self.touched[x] = True, c, 1
                if not minus:
                    continue
                self.put(STEP_NEG)
            elif self.to(x):
                self.put(STEP_SUB_on if minus else STEP_ADD_on)
            else:
                self.put(STEP_NEG if minus else STEP_COPY)
            self.put(self.of[x])
            self.put(c)
        if last >= 0:
            j = self.start[k - 1]
            minus = kind == STEP_SUB and self.args[s + 1] == last
            if self.pull_product(self.args[j], self.args[j + 1], c, minus, not given):
                given = True
        return given

    cdef bint pull_product(self, int x1, int x2, int c, bint minus, bint gives):
        """gives: whether an argument may have the place c itself. Returns whether one has."""
        cdef int both
        if self.needed[x1] and self.needed[x2] and x1 != x2:
            both = 0
            if gives and self.is_new(x1):
                self.of[x1], self.touched[x1] = c, 1
            elif self.to(x1):
                both = 1
            if gives and self.of[x1] != c and self.is_new(x2):
                self.of[x2], self.touched[x2] = c, 1
            elif self.to(x2):
                both += 2
            self.put(STEP_BOTH + both + 4 * minus)
            self.put(self.of[x1])
            self.put(self.of[x2])
            self.put(c)
            self.put(self.at[x1])
            self.put(self.at[x2])
            return gives and (self.of[x1] == c or self.of[x2] == c)
        if x1 == x2:
            if self.needed[x1]:
                self.product(x1, c, x2, self.to(x1), minus)
                self.product(x1, c, x2, True, minus)
            return False
        if not self.needed[x1]:
            x1, x2 = x2, x1
        if gives and self.is_new(x1):
            self.of[x1], self.touched[x1] = c, 1
            self.product(x1, c, x2, False, minus)
            return True
        self.product(x1, c, x2, self.to(x1), minus)
        return False

    cdef void product(self, int x, int c, int other, bint adds, bint minus):
        if minus:
            self.put(STEP_MUL_off if adds else STEP_MINUS)
        else:
            self.put(STEP_MUL_on if adds else STEP_MUL)
        self.put(self.of[x])
        self.put(c)
        self.put(self.at[other])

    cdef void pull_list(self, int kind, Py_ssize_t s, Py_ssize_t count, int y, int c):
        cdef Py_ssize_t j, half = count // 2
        cdef int x, total = -1
        cdef bint adds
        if kind == STEP_MEAN:
            self.put(STEP_SHARE)
            self.put(c)
            self.put(c)
            self.put(count)
        elif kind == STEP_LOGSUMEXP or kind == STEP_LARGEST:
            total = self.new()
            self.put(STEP_TOTAL_OF_EXP if kind == STEP_LOGSUMEXP else STEP_TOTAL_OF_LARGEST)
            self.put(total)
            self.put(self.at[y])
            self.put(count)
            for j in range(count):
                self.put(self.at[self.args[s + j]])
        for j in range(count):
            if kind == STEP_DOT:  # w1, x1, w2, x2, ...
                x = self.args[s + j // 2 + (half if j % 2 else 0)]
                if self.needed[x]:
                    self.product(x, c, self.args[s + j // 2 + (0 if j % 2 else half)], self.to(x), False)
                continue
            x = self.args[s + j]
            if not self.needed[x]:
                continue
            adds = self.to(x)
            if total < 0:
                self.put(STEP_ADD_on if adds else STEP_COPY)
                self.put(self.of[x])
                self.put(c)
                continue
            self.put(STEP_EXP_on if kind == STEP_LOGSUMEXP else STEP_LARGEST_on)
            self.put(self.of[x])
            self.put(not adds)
            self.put(c)
            self.put(self.at[y])
            self.put(self.at[x])
            self.put(total)
        if total >= 0:
            self.give_back(total)


cdef class Lanes:
    """Code with its memory. Calling it runs all examples, some of them abreast.

    memory: the places, those of constants filled. rows: the examples, (n, inputs). leaves: the numbers of parameters
    and of what is frozen; they are read at each call, and `first` is the place of the first. outputs: their places.
    slopes: the places of cotangents, or -1: of parameters, and of inputs, as far as they are wanted. each: whether
    those of parameters are wanted for each example.
    """

    cdef double[::1] memory
    cdef const double[:, ::1] rows
    cdef const double[::1] theta, frozen
    cdef const int32_t[::1] outputs, by_parameters, by_inputs, values, pulls
    cdef Py_ssize_t first, seed_at
    cdef int lanes
    cdef bint each

    def __init__(
        self, Code code, double[::1] memory, int lanes, const double[:, ::1] rows, const double[::1] theta,
        const double[::1] frozen, Py_ssize_t first, const int32_t[::1] outputs, const int32_t[::1] by_parameters,
        const int32_t[::1] by_inputs, bint each,
    ):
        self.memory, self.lanes, self.rows, self.theta, self.frozen = memory, lanes, rows, theta, frozen
        self.first, self.outputs, self.each, self.seed_at = first, outputs, each, code.seed
        self.by_parameters, self.by_inputs = by_parameters, by_inputs
        self.values, self.pulls = code.values, code.pulls

    def __call__(
        self, double seed, const double[::1] seeds, double[:, ::1] results, double[:, ::1] gradient,
        double[:, ::1] slopes, uint8_t[::1] strange,
    ):
        """Returns 0, or 1 where something may not be finite, or 2 where something is not.

        seed: of each example; or `seeds`. results: (output, example). gradient: (example, parameter), zeros; one row if
        it is not for each. slopes: (example, input). strange: None, or a byte for each example, to be set where
        something is not finite; that takes longer, and is certain.
        """
        cdef Py_ssize_t n = self.rows.shape[0], start = 0
        cdef int wrong = 0
        with nogil:
            feclearexcept(EXCEPTIONS)
            wrong = self.load_leaves()
            while start < n:
                wrong |= self.block(start, <int>min(<Py_ssize_t>self.lanes, n - start), seed, seeds, results, strange)
                wrong |= self.collect(start, <int>min(<Py_ssize_t>self.lanes, n - start), gradient, slopes)
                start += self.lanes
            if fetestexcept(EXCEPTIONS):
                wrong |= 1
        return wrong

    cdef int load_leaves(self) noexcept nogil:
        cdef Py_ssize_t j, n = self.theta.shape[0]
        cdef int i
        cdef double x, check = 0.0
        cdef double *row
        for j in range(n + self.frozen.shape[0]):
            x = self.theta[j] if j < n else self.frozen[j - n]
            check += x - x
            row = &self.memory[(self.first + j) * self.lanes]
            for i in range(self.lanes):
                row[i] = x
        return 0 if check == 0.0 else 2

    cdef int block(
        self, Py_ssize_t start, int here, double seed, const double[::1] seeds, double[:, ::1] results,
        uint8_t[::1] strange,
    ) noexcept nogil:
        """Examples from `start` on; the last of them fills the lanes that are left."""
        cdef double *m = &self.memory[0]
        cdef double *row
        cdef Py_ssize_t j, first = self.first + self.theta.shape[0] + self.frozen.shape[0]
        cdef int i, lanes = self.lanes, wrong = 0
        cdef uint8_t marks[MOST_LANES]
        for i in range(lanes):
            marks[i] = 0
        if self.rows.shape[1] and load_columns(&self.rows[start, 0], self.rows.shape[1], here, m + first * lanes, lanes):
            wrong = 2
            for j in range(self.rows.shape[1]):
                mark(m + (first + j) * lanes, lanes, marks)
        wrong |= self.run(self.values, marks, strange is not None)
        for j in range(self.outputs.shape[0]):
            row = m + <Py_ssize_t>self.outputs[j] * lanes
            for i in range(here):
                results[j, start + i] = row[i]
        if self.seed_at >= 0:
            row = m + self.seed_at * lanes
            for i in range(lanes):
                row[i] = 0.0 if i >= here else seed if seeds is None else seeds[start + i]
        wrong |= self.run(self.pulls, marks, strange is not None)
        if strange is not None:
            for i in range(here):
                strange[start + i] |= marks[i]
        return wrong

    cdef int run(self, const int32_t[::1] code, uint8_t *marks, bint looks) noexcept nogil:
        if not code.shape[0]:
            return 0
        if not looks:
            return lanes_run(&code[0], &code[0] + code.shape[0], &self.memory[0], self.lanes)
        lanes_look(&code[0], &code[0] + code.shape[0], &self.memory[0], self.lanes, marks)
        return 0

    cdef int collect(self, Py_ssize_t start, int here, double[:, ::1] gradient, double[:, ::1] slopes) noexcept nogil:
        """The cotangents of leaves. Those of parameters are added up in the order of the examples, four at once."""
        cdef Py_ssize_t j, q, n = self.by_parameters.shape[0]
        cdef double *m = &self.memory[0]
        cdef double *row[4]
        cdef double sums[4]
        cdef double check = 0.0
        cdef int i
        cdef int wrong = 0
        if self.by_inputs.shape[0]:
            wrong = store_columns(
                m, &self.by_inputs[0], self.by_inputs.shape[0], here, &slopes[start, 0], self.lanes
            )
        if n and self.each:
            wrong |= store_columns(m, &self.by_parameters[0], n, here, &gradient[start, 0], self.lanes)
        if self.each or not n:
            return 2 * wrong
        for j in range(0, n, 4):
            for q in range(4):
                row[q] = m + <Py_ssize_t>(self.by_parameters[min(j + q, n - 1)]) * self.lanes
                row[q] = m if self.by_parameters[min(j + q, n - 1)] < 0 else row[q]
                sums[q] = gradient[0, min(j + q, n - 1)]
            for i in range(here):
                for q in range(4):
                    sums[q] += row[q][i]
            for q in range(min(<Py_ssize_t>4, n - j)):
                if self.by_parameters[j + q] >= 0:
                    gradient[0, j + q] = sums[q]
                    check += sums[q] - sums[q]
        return 0 if check == 0.0 and not wrong else 2
