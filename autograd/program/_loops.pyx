# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Steps in C, on buffers whose places in memory are known: see _loops.h, and loops.py, which asks for them."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.string cimport memset

cdef extern from "_loops.h":
    enum:
        AXES, MOST_OPERANDS, HAS_CLONES, HAS_TILES, COPY, ZERO, MUL, TILES, VALUE, PULL, N_ROWS
        SET, ADD, ADD_IN_ORDER, MAX
    const char *row_names[]
    ctypedef struct Step:
        int kernel
        int how
        int axes
        int looks
        Py_ssize_t size[6]
        double *at[6]
        Py_ssize_t step[6][6]
        const Py_ssize_t *row[2]
        Py_ssize_t together
    void steps_arrange(Step *steps, Py_ssize_t count)
    int steps_run(const Step *steps, Py_ssize_t count) nogil

ROWS = {row_names[i].decode(): i for i in range(N_ROWS)}
WIDE = bool(HAS_CLONES)
TILED = bool(HAS_TILES)
MOST_AXES = AXES
HOW = {"=": SET, "+": ADD, "in order": ADD_IN_ORDER, "max": MAX}


cdef class Loops:
    """Steps on buffers of doubles. Calling it runs them, and returns what is to be known about it: see loops.py."""

    cdef Step *steps
    cdef Py_ssize_t count
    cdef object kept  # buffers and indices

    def __cinit__(self, list steps, list buffers, set looking):
        """looking: numbers of the steps that look for what is not finite."""
        cdef Py_ssize_t k
        self.count = len(steps)
        self.steps = <Step *>PyMem_Calloc(max(self.count, 1), sizeof(Step))
        if self.steps == NULL:
            raise MemoryError
        self.kept = (steps, buffers)
        places = [address_of(buffer, 8 * len(buffer)) for buffer in buffers]
        for k in range(self.count):
            describe(&self.steps[k], steps[k], places, [len(buffer) for buffer in buffers])
            self.steps[k].looks = k in looking
        steps_arrange(self.steps, self.count)

    def __dealloc__(self):
        PyMem_Free(self.steps)

    def __call__(self):
        cdef int found
        with nogil:
            found = steps_run(self.steps, self.count)
        return found


cdef size_t address_of(object buffer, Py_ssize_t nbytes) except? 0:
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    place = <size_t>view.buf
    assert view.len >= nbytes, "a buffer is shorter than it says"
    PyBuffer_Release(&view)
    return place


cdef int describe(Step *to, object step, list places, list sizes) except -1:
    """Axes along which everything moves on evenly become one; those of length 1 are left out."""
    kind, row = step.kind, step.row
    cdef int skipped = MOST_OPERANDS - 3
    cdef int axis, j, n_axes = len(step.shape)
    operands = step.operands
    if kind == "copy":
        to.kernel = COPY
    elif kind == "zero":
        to.kernel = ZERO
    elif kind == "matmul":
        to.kernel = TILES
    elif kind == "products":
        to.kernel = MUL
    elif kind == "value":
        to.kernel = VALUE + <int>ROWS[row.name]
    else:
        to.kernel = PULL + 3 * <int>ROWS[row.name] + <int>step.place - 1
        skipped = 0
    to.how = HOW[step.how]
    views = [step.out, *[None] * skipped, *operands]
    cdef bint keeps_axes = kind == "matmul" or step.out.index is not None
    for j in range(len(views)):
        view = views[j]
        if view is None:
            continue
        if view.index is not None:
            keeps_axes = True
            assert j == 0 or kind == "copy", "only copies have an index"
            to.row[1 if j else 0] = <const Py_ssize_t *><size_t>address_of(view.index, 8 * len(view.index))
        within(view, step.shape, sizes[view.buffer])
        to.at[j] = <double *><size_t>places[view.buffer] + <Py_ssize_t>view.offset
    cdef bint merges
    cdef Py_ssize_t size
    for axis in range(n_axes):
        size = step.shape[axis]
        if size == 1 and not keeps_axes:
            continue
        merges = to.axes > 0 and not keeps_axes
        for j in range(len(views)):
            if views[j] is not None and merges:
                merges = to.step[j][to.axes - 1] == size * <Py_ssize_t>views[j].strides[axis]
        if not merges:
            if to.axes == AXES:
                raise ValueError("too many axes")
            to.size[to.axes] = 1
            to.axes += 1
        to.size[to.axes - 1] *= size
        for j in range(len(views)):
            if views[j] is not None:
                to.step[j][to.axes - 1] = views[j].strides[axis]
    if to.axes == 0:
        to.axes, to.size[0] = 1, 1
    return 0


cdef int within(object view, object shape, Py_ssize_t size) except -1:
    """Raises AssertionError if a view reaches beyond its buffer."""
    cdef Py_ssize_t low = view.offset, high = view.offset
    for axis, stride in enumerate(view.strides):
        count = shape[axis] if axis or view.index is None else int(view.index.max()) + 1
        if count == 0:
            return 0
        if stride > 0:
            high += (count - 1) * stride
        else:
            low += (count - 1) * stride
    assert 0 <= low and high < size, "a step reaches beyond a buffer"
    return 0
