# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Loops in C over arrays whose places in memory are known: see _loops.h, and loops.py, which asks for them."""

from cpython.buffer cimport PyBUF_STRIDED_RO, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc

cdef extern from "_loops.h":
    enum:
        AXES, OP_less, OP_not_equal, OP_matmul, HAS_MATMUL, HAS_CLONES, N_LOOPS
    const char *loop_names[]
    ctypedef struct Loop:
        int op
        int axes
        Py_ssize_t size[6]
        char *at[3]
        Py_ssize_t step[3][6]
        const Py_ssize_t *row[3]
        Py_ssize_t together
    void loops_arrange(Loop *loops, Py_ssize_t count)
    bint loops_run(const Loop *loops, Py_ssize_t count) nogil

OPS = {loop_names[i].decode(): i for i in range(N_LOOPS) if i != OP_matmul or HAS_MATMUL}
COMPARISONS = {name for name, op in OPS.items() if OP_less <= op <= OP_not_equal}
MOST_AXES = AXES
WIDE = bool(HAS_CLONES)


cdef class Loops:
    """A list of operations. Calling it runs them, and returns whether there was a floating-point exception."""

    cdef Loop *loops
    cdef Py_ssize_t count
    cdef list arrays  # keeps them alive

    def __cinit__(self, list operations):
        """operations: tuples of an entry of OPS, one to three arrays of equal shape, result first, and as many rows:
        None, or an array of intp, where the places along the first axis are not 0, 1, 2, ..."""
        self.count = len(operations)
        self.arrays = operations
        self.loops = <Loop *>PyMem_Malloc(max(self.count, 1) * sizeof(Loop))
        if self.loops == NULL:
            raise MemoryError
        cdef Py_ssize_t k
        for k in range(self.count):
            op, arrays, rows = operations[k]
            describe(&self.loops[k], op, arrays, rows)
        loops_arrange(self.loops, self.count)

    def __dealloc__(self):
        PyMem_Free(self.loops)

    def __call__(self):
        cdef bint wrong
        with nogil:
            wrong = loops_run(self.loops, self.count)
        return wrong


cdef int describe(Loop *loop, int op, tuple arrays, tuple rows) except -1:
    """Axes along which every operand moves on evenly become one; those of length 1 are left out."""
    cdef Py_buffer view
    cdef Py_ssize_t size[16]
    cdef Py_ssize_t step[3][16]
    cdef int j, axis, n_axes = 0, given = len(arrays)
    cdef bint merges, by_row = False
    for j in range(3):
        loop.at[j], loop.row[j] = NULL, NULL
        for axis in range(16):
            step[j][axis] = 0
    for j in range(given):
        PyObject_GetBuffer(arrays[j], &view, PyBUF_STRIDED_RO)
        loop.at[j] = <char *>view.buf
        n_axes = view.ndim
        for axis in range(n_axes):
            size[axis], step[j][axis] = rows_or(rows[j], axis, view.shape[axis]), view.strides[axis]
        PyBuffer_Release(&view)
        if rows[j] is not None:
            by_row = True
            PyObject_GetBuffer(rows[j], &view, PyBUF_STRIDED_RO)
            loop.row[j] = <const Py_ssize_t *>view.buf
            PyBuffer_Release(&view)
    loop.op, loop.axes, loop.together = op, 0, 0
    for axis in range(n_axes):
        if size[axis] == 1 and not (by_row and axis == 0) and op != OP_matmul:
            continue
        merges = loop.axes > 0 and not (by_row and loop.axes == 1) and op != OP_matmul
        for j in range(given):
            merges = merges and loop.step[j][loop.axes - 1] == size[axis] * step[j][axis]
        if not merges:
            if loop.axes == AXES:
                raise ValueError("too many axes")
            loop.size[loop.axes] = 1
            loop.axes += 1
        loop.size[loop.axes - 1] *= size[axis]
        for j in range(3):
            loop.step[j][loop.axes - 1] = step[j][axis]
    if loop.axes == 0:
        loop.axes, loop.size[0] = 1, 1
        for j in range(3):
            loop.step[j][0] = 0
    return 0


cdef Py_ssize_t rows_or(object rows, int axis, Py_ssize_t size):
    """How far a loop goes along an axis of an operand."""
    return size if rows is None or axis else len(rows)
