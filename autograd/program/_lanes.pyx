# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A record as straight-line code on many examples abreast: see _lanes.h for how it runs, and scalar.py, which asks.

A place is kept for a value only if a partial derivative reads it, and for a cotangent from its last user to its node;
whoever writes to one first assigns.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

cdef object ndarray = np.ndarray, DOUBLE = np.dtype(np.float64)

cdef extern from "_lanes.h":
    enum:
        STEP_ADD, STEP_SUB, STEP_MUL, STEP_NEG, STEP_COPY, STEP_ADD_on, STEP_SUB_on, STEP_MUL_on, STEP_MUL_off
        STEP_MINUS, STEP_MUL_ADD, STEP_MUL_SUB, STEP_SUB_MUL, STEP_MULS_ADD, STEP_MULS_SUB, STEP_BOTH
        STEP_SUM, STEP_MEAN, STEP_DOT, STEP_LOGSUMEXP, STEP_LARGEST, STEP_SHARE, STEP_TOTAL_OF_EXP
        STEP_TOTAL_OF_LARGEST, STEP_EXP_on, STEP_LARGEST_on, STEP_IF_LESS, STEP_IF_NOTHING, STEP_VALUE, STEP_PULL
        N_ROWS, EXCEPTIONS, ALL_LEFT
    const char *row_names[]
    const uint8_t row_reads[][4]
    int lanes_run(const int32_t *code, const int32_t *end, double *m, int lanes) nogil
    void mark(const double *row, int lanes, const double *here, uint8_t *strange) nogil
    bint load_columns(const double *rows, Py_ssize_t width, int here, double *to, int lanes) nogil
    bint store_columns(
        const double *m, const int32_t *places, Py_ssize_t width, int here, double *rows, int lanes
    ) nogil
    int lanes_look(
        const int32_t *code, const int32_t *end, double *m, int lanes, const double *here, uint8_t *strange
    ) nogil

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


# What a guard is decided by: `x1 sign x2`, or that an operation has no value. The opposite of one that is not here is.
GUARDS = {"<": STEP_IF_LESS, "<=": STEP_IF_LESS + 1, "==": STEP_IF_LESS + 2, "!=": STEP_IF_LESS + 3}
NOTHING = STEP_IF_NOTHING


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
    """The code of a record: `values`, with the guards among them, then `pulls`; and how many places it needs.

    kinds: of each operation, from KINDS. start, args: as in a Record. wanted: a byte for each leaf, whether it is
    differentiated by; none need be. outputs: node numbers, the first of which is differentiated; there may be none.
    guards: rows of how many operations come before it, the step from GUARDS, and two nodes. tries: how many operations,
    the last ones, are only tried, by guards that expect them to have no value.
    """

    cdef readonly object values, pulls
    cdef readonly int n_places, seed  # where the cotangent of the first output belongs, or -1
    cdef readonly int here  # which lanes are on the path: 1 or 0; after it, how many guards each has passed
    cdef readonly object place, slope  # of nodes: where their values are; of leaves: where their cotangents are, or -1
    cdef const int32_t[::1] kinds, args
    cdef const int64_t[::1] start
    cdef const int32_t[:, ::1] guards
    cdef Py_ssize_t n_run
    cdef int first
    cdef uint8_t[::1] needed, kept, touched, freed
    cdef int32_t[::1] at, of, free, code, last, into
    cdef Py_ssize_t n_free, n_code, n_kept, top

    def __init__(
        self, const int32_t[::1] kinds, const int64_t[::1] start, const int32_t[::1] args,
        const uint8_t[::1] wanted, outputs, const int32_t[:, ::1] guards, Py_ssize_t tries,
    ):
        cdef Py_ssize_t n = kinds.shape[0], n_nodes = n + wanted.shape[0], i
        cdef int root = outputs[0] if len(outputs) else -1
        self.guards, self.n_run = guards, n - tries
        self.kinds, self.start, self.args, self.first = kinds, start, args, wanted.shape[0]
        self.needed, self.touched = np.zeros(n_nodes, np.uint8), np.zeros(n_nodes, np.uint8)
        self.kept, self.freed = np.zeros(n_nodes, np.uint8), np.zeros(n_nodes, np.uint8)
        self.last, self.into = np.full(n_nodes, -1, np.int32), np.full(n_nodes, -1, np.int32)
        self.at, self.of = np.full(n_nodes, -1, np.int32), np.full(n_nodes, -1, np.int32)
        self.free = np.empty(n_nodes + 8, np.int32)
        self.code = np.empty(10 * n + 10 * args.shape[0] + 5 * guards.shape[0] + 8, np.int32)
        for i in range(self.first):
            self.needed[i] = wanted[i]
        self.look(root, outputs)
        self.write_values()
        self.values = np.array(self.code[:self.n_code])
        self.n_code = 0
        self.seed = -1
        if root >= 0 and self.touched[root]:
            self.write_pulls(root)
        self.pulls = np.array(self.code[:self.n_code])
        self.n_places = self.top
        self.place, self.slope = np.asarray(self.at), np.array(self.of[:self.first])

    cdef void look(self, int root, outputs):
        """What is needed, what is reached by a cotangent (`touched`, until they are written), and what is kept."""
        cdef Py_ssize_t k, j, s, count
        cdef int what
        for k in range(self.kinds.shape[0]):
            s, count = self.start[k], self.start[k + 1] - self.start[k]
            for j in range(count):
                if self.needed[self.args[s + j]] and reads(self.kinds[k], j, count):
                    self.needed[self.first + k] = 1
        if root >= 0:
            self.touched[root] = self.needed[root]
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
        for k in range(self.guards.shape[0]):
            self.kept[self.guards[k, 2]] = self.kept[self.guards[k, 3]] = 1
        for j in range(self.start[self.n_run], self.start[self.kinds.shape[0]]):
            self.kept[self.args[j]] = 1  # what is tried

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
        self.here, self.top = self.first, self.first + 2
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
        cdef Py_ssize_t k, guard = 0
        self.count()
        self.lay_out()
        for k in range(self.n_run + 1):
            while guard < self.guards.shape[0] and (self.guards[guard, 0] <= k or k == self.n_run):
                self.write_guard(guard)
                guard += 1
            if k < self.n_run and not self.absorbed(self.first + k):
                self.write_value(k)

    cdef void write_guard(self, Py_ssize_t guard):
        cdef int x1 = self.guards[guard, 2], x2 = self.guards[guard, 3]
        if self.guards[guard, 1] == STEP_IF_NOTHING:
            self.write_value(x1 - self.first)
        self.put(self.guards[guard, 1])
        self.put(self.here)
        self.put(self.here + 1)
        self.put(self.at[x1])
        self.put(self.at[x2])

    cdef void write_value(self, Py_ssize_t k):
        cdef Py_ssize_t j = self.n_code, s = self.start[k], count = self.start[k + 1] - s
        cdef int kind = self.kinds[k], y = self.first + k
        cdef bint is_list = STEP_SUM <= kind < STEP_VALUE
        if is_list and self.at[y] < 0:
            self.at[y] = self.new()  # while it is computed, all arguments are still read
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

    memory: the places, those of constants filled. leaves: the numbers of parameters and of what is frozen; they are
    read at each call, and `first` is the place of the first. outputs: their places. slopes: the places of cotangents,
    or -1: of parameters, and of inputs, as far as they are wanted. each: whether those of parameters are wanted for
    each example.
    """

    cdef double[::1] memory
    cdef const double[::1] theta, frozen
    cdef const int32_t[::1] outputs, by_parameters, by_inputs, values, pulls
    cdef Py_ssize_t first, first_input, seed_at, here_at
    cdef int lanes
    cdef bint each

    def __init__(
        self, Code code, double[::1] memory, int lanes, const double[::1] theta, const double[::1] frozen,
        Py_ssize_t first, const int32_t[::1] outputs, const int32_t[::1] by_parameters, const int32_t[::1] by_inputs,
        bint each,
    ):
        self.memory, self.lanes, self.theta, self.frozen = memory, lanes, theta, frozen
        self.first, self.first_input = first, first + theta.shape[0] + frozen.shape[0]
        self.outputs, self.each, self.seed_at, self.here_at = outputs, each, code.seed, code.here
        self.by_parameters, self.by_inputs = by_parameters, by_inputs
        self.values, self.pulls = code.values, code.pulls

    def __call__(
        self, const double[:, ::1] rows, double seed, const double[::1] seeds, double[:, ::1] results,
        double[:, ::1] gradient, double[:, ::1] slopes, uint8_t[::1] strange, int32_t[::1] passed,
    ):
        """Returns 0, or 1 where something may not be finite, or 2 where something is not.

        rows: the examples, (n, inputs). seed: of each example; or `seeds`. results: (output, example). gradient:
        (example, parameter), zeros; one row if it is not for each. slopes: (example, input). Of examples that leave the
        path, there are no results, and no gradients are added. strange: None, or a byte for each example, to be set
        where something is not finite before it leaves the path; that takes longer, and is certain. passed: how many
        guards each example passes.
        """
        cdef Py_ssize_t n = rows.shape[0], start = 0
        cdef int wrong = 0, here
        with nogil:
            feclearexcept(EXCEPTIONS)
            wrong = self.load_leaves()
            while start < n:
                here = <int>min(<Py_ssize_t>self.lanes, n - start)
                wrong |= self.block(rows, start, here, seed, seeds, results, strange)
                if not wrong & ALL_LEFT:
                    wrong |= self.collect(start, here, gradient, slopes)
                wrong &= ~ALL_LEFT
                self.count_guards(passed, start, here)
                start += self.lanes
            if fetestexcept(EXCEPTIONS):
                wrong |= 1
        return wrong

    cdef void count_guards(self, int32_t[::1] passed, Py_ssize_t start, int here) noexcept nogil:
        cdef int i
        for i in range(here):
            passed[start + i] = <int32_t>self.memory[(self.here_at + 1) * self.lanes + i]

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
        self, const double[:, ::1] rows, Py_ssize_t start, int here, double seed, const double[::1] seeds,
        double[:, ::1] results, uint8_t[::1] strange,
    ) noexcept nogil:
        """Examples from `start` on; the last of them fills the lanes that are left."""
        cdef double *m = &self.memory[0]
        cdef double *row
        cdef double *on_path = m + self.here_at * self.lanes
        cdef Py_ssize_t j
        cdef int i, lanes = self.lanes, wrong = 0
        cdef uint8_t marks[MOST_LANES]
        for i in range(lanes):
            marks[i] = 0
            on_path[i], on_path[lanes + i] = 1.0, 0.0
        if rows.shape[1] and load_columns(
            &rows[start, 0], rows.shape[1], here, m + self.first_input * lanes, lanes
        ):
            wrong = 2
            for j in range(rows.shape[1]):
                mark(m + (self.first_input + j) * lanes, lanes, on_path, marks)
        wrong |= self.run(self.values, marks, strange is not None)
        if not wrong & ALL_LEFT:
            for j in range(self.outputs.shape[0]):
                row = m + <Py_ssize_t>self.outputs[j] * lanes
                for i in range(here):
                    results[j, start + i] = row[i]
            if self.seed_at >= 0:
                row = m + self.seed_at * lanes
                for i in range(lanes):
                    row[i] = 0.0 if i >= here else seed if seeds is None else seeds[start + i]
            wrong |= self.run(self.pulls, marks, strange is not None)
            self.leave_out(on_path)
        if strange is not None:
            for i in range(here):
                strange[start + i] |= marks[i]
        return wrong

    cdef void leave_out(self, const double *on_path) noexcept nogil:
        """Make 0 the cotangents of leaves in lanes that left the path: what they hold means nothing."""
        cdef int i
        cdef Py_ssize_t j
        for i in range(self.lanes):
            if on_path[i] == 0.0:
                for j in range(self.by_parameters.shape[0]):
                    if self.by_parameters[j] >= 0:
                        self.memory[<Py_ssize_t>self.by_parameters[j] * self.lanes + i] = 0.0
                for j in range(self.by_inputs.shape[0]):
                    if self.by_inputs[j] >= 0:
                        self.memory[<Py_ssize_t>self.by_inputs[j] * self.lanes + i] = 0.0

    cdef int run(self, const int32_t[::1] code, uint8_t *marks, bint looks) noexcept nogil:
        if not code.shape[0]:
            return 0
        if not looks:
            return lanes_run(&code[0], &code[0] + code.shape[0], &self.memory[0], self.lanes)
        return lanes_look(
            &code[0], &code[0] + code.shape[0], &self.memory[0], self.lanes,
            &self.memory[0] + self.here_at * self.lanes, marks,
        )

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


cdef class Gate:
    """Closed, by as many as `closed` says, while the numbers of the parameters are being changed: a Point holds on to the
    interpreter's lock from looking at it to its result, so that no lock is needed.
    """

    cdef public int closed


cdef class Point(Lanes):
    """One example by the shortest way: arguments that are floats, and flat lists and arrays of them.

    sizes: of each argument, how many numbers it has; -1 for a float. others: for the place of each guard, by its number,
    a Point of the path of those that are the first not to pass it, where that is known. Which gradients are wanted:
    by_parameters, by_inputs.
    """

    cdef tuple sizes
    cdef dict others
    cdef Gate gate
    cdef bint is_by_parameters, is_by_inputs

    def lead(self, tuple sizes, dict others, Gate gate, bint by_parameters, bint by_inputs):
        """What there is to know beside code and memory, all at once because paths lead to each other."""
        self.sizes, self.others, self.gate = sizes, others, gate
        self.is_by_parameters, self.is_by_inputs = by_parameters, by_inputs

    def __call__(self, *batch):
        """The output; and with it the gradient by parameters, or by inputs as the arguments are, or both, if any is
        wanted. None where that has to be found by another way, which will tell why.
        """
        if self.gate.closed:
            return None
        cdef Point point = self.on_path(batch)
        if point is None:
            return None
        y = point.memory[point.outputs[0]]
        if not self.is_by_inputs:
            if not self.is_by_parameters:
                return y
            return y, point.flat(point.by_parameters, 0, point.by_parameters.shape[0])
        found = point.as_arguments()
        if self.is_by_parameters:
            found = point.flat(point.by_parameters, 0, point.by_parameters.shape[0]), found
        return y, found

    cdef Point on_path(self, tuple batch):
        """The Point of the path that an example takes, run; None where that is not known, or no number."""
        cdef Point point = self
        cdef int wrong, passed = -1
        while point is not None:
            if not point.take(batch):
                return None
            wrong = point.run_one()
            if not wrong:
                return point
            if wrong != ALL_LEFT:
                return None
            if <int>point.memory[point.here_at + 1] <= passed:
                return None
            passed = <int>point.memory[point.here_at + 1]
            point = point.others.get(passed)
        return None

    cdef bint take(self, tuple batch) except? -1:
        """Puts the numbers of an example in their places; whether it could."""
        cdef Py_ssize_t at = self.first_input, k, j, size
        cdef double x, check = 0.0
        cdef const double[::1] numbers
        if len(batch) != len(self.sizes):
            return False
        for k in range(len(batch)):
            given, size = batch[k], self.sizes[k]
            if size < 0:
                if not isinstance(given, float):
                    return False
                x = given
                self.memory[at] = x
                check += x - x
                at += 1
                continue
            if type(given) is list and len(<list>given) == size:
                for j in range(size):
                    number = (<list>given)[j]
                    if not isinstance(number, float):
                        return False
                    x = number
                    self.memory[at + j] = x
                    check += x - x
            elif type(given) is ndarray and given.dtype is DOUBLE and given.ndim == 1 and len(given) == size:
                if not given.flags.c_contiguous:
                    return False
                numbers = given
                for j in range(size):
                    self.memory[at + j] = numbers[j]
                    check += numbers[j] - numbers[j]
            else:
                return False
            at += size
        return check == 0.0

    cdef int run_one(self) noexcept:
        """0 if all is well, ALL_LEFT if the example takes another path, else 1 or 2."""
        cdef int wrong
        if fetestexcept(EXCEPTIONS):
            feclearexcept(EXCEPTIONS)
        wrong = self.run_steps(False)
        if wrong & 2:
            return 2
        if not wrong and not fetestexcept(EXCEPTIONS):
            return 0
        if wrong & 1 or fetestexcept(EXCEPTIONS):  # perhaps of the side of a choice that was not taken
            wrong = self.run_steps(True)
        return wrong

    cdef int run_steps(self, bint looks) noexcept:
        cdef uint8_t strange = 0
        cdef int wrong = self.load_leaves()
        self.memory[self.here_at], self.memory[self.here_at + 1] = 1.0, 0.0
        wrong |= self.run(self.values, &strange, looks)
        if not wrong & ALL_LEFT:
            if self.seed_at >= 0:
                self.memory[self.seed_at] = 1.0
            wrong |= self.run(self.pulls, &strange, looks)
            wrong |= self.infinite(self.by_parameters) | self.infinite(self.by_inputs)
        if looks:
            return wrong & ~1 | strange
        return wrong

    cdef int infinite(self, const int32_t[::1] places) noexcept:
        """2 if one of these is not finite, else 0."""
        cdef Py_ssize_t j
        cdef double check = 0.0, x
        for j in range(places.shape[0]):
            x = self.memory[places[j]] if places[j] >= 0 else 0.0
            check += x - x
        return 0 if check == 0.0 else 2

    cdef flat(self, const int32_t[::1] places, Py_ssize_t first, Py_ssize_t size):
        """Cotangents as an array. -0 becomes 0, as in sums that begin at 0."""
        found = np.zeros(size)
        cdef double[::1] numbers = found
        cdef Py_ssize_t j
        for j in range(size):
            if places[first + j] >= 0:
                numbers[j] = self.memory[places[first + j]] + 0.0
        return found

    cdef as_arguments(self):
        cdef Py_ssize_t at = 0, k, size
        cdef list found = []
        for k in range(len(self.sizes)):
            size = self.sizes[k]
            if size < 0:
                found.append(self.memory[self.by_inputs[at]] + 0.0 if self.by_inputs[at] >= 0 else 0.0)
                at += 1
            else:
                found.append(self.flat(self.by_inputs, at, size))
                at += size
        return found[0] if len(found) == 1 else tuple(found)
