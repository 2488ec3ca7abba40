# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, c_api_binop_methods=True
"""The native engine: the Value of `autograd/value.py` and the sweep of `autograd/sweep.py` again, in C; a Value takes 64
bytes.

Values and partial derivatives are C that `autograd/c_rules.py` writes from the table. Whatever comes out infinite or nan
is asked for again in Python, so that every error is the reference engine's own. The cyclic collector does not know these
Values: arguments are older than results, so there is no cycle to find.

Ownership: a node owns one reference to each argument that is a Value, and gives it back in `__dealloc__`. All other
pointers to Values are borrowed from a graph that the caller holds.

It is one module, so that the compiler sees through all of it, in rooms of 70 to 330 lines. It is far longer than the
reference engine for what that gets from Python: graphs of any depth are given back without recursion, memory lies in the
order in which nodes are made, and a sweep goes on where a user's own code, Ctrl-C or want of memory came in between.
"""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from libc.math cimport INFINITY, isfinite, signbit
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset, strcmp

import numbers
from binascii import crc32
from threading import get_ident

from autograd import bulk
from autograd import moments as moments_module
from autograd import primitive as primitive_module
from autograd import primitives as table
from autograd import sweep as reference
from autograd.attributes import names_of, no_attribute
from autograd.convert import (
    REFUSALS, VALUES, apply_ufunc, check_label, check_values, not_values, number, seed_number,
)
from autograd.copies import restored, state_of
from autograd.modes import compared, made, modes as modes_of_threads, watch
from autograd.moments import changed_since, diverged
from autograd.primitive import TABLE, Primitive
from autograd.sweep import gradients_along, partials_of, pull_back, read_data, read_value
from autograd.value import evaluate

cdef dict modes = modes_of_threads

cdef object reference_carries_nothing = reference.carries_nothing
cdef object reference_of_one_moment = moments_module.of_one_moment
cdef object reference_read = bulk.read
cdef object reference_write = bulk.write_with

cdef extern from "Python.h":
    void incref "Py_INCREF" (PyObject *)
    void decref "Py_DECREF" (PyObject *)
    PyObject **items_of "PySequence_Fast_ITEMS" (PyObject *)
    bint is_float "PyFloat_CheckExact" (PyObject *)
    double float_of "PyFloat_AS_DOUBLE" (PyObject *)
    PyObject *no_memory "PyErr_NoMemory" ()
    bint PyLong_CheckExact(object)
    object PyObject_Call(object, object, PyObject *)
    size_t ARGUMENTS_OFFSET "PY_VECTORCALL_ARGUMENTS_OFFSET"
    ctypedef PyObject *(*vectorcallfunc)(PyObject *, PyObject **, size_t, PyObject *) except NULL
    ctypedef PyObject *(*ternaryfunc)(PyObject *, PyObject *, PyObject *) except NULL
    ctypedef void (*destructor)(PyObject *) noexcept
    ctypedef void (*freefunc)(void *) noexcept
    ctypedef PyObject *(*allocfunc)(PyTypeObject *, Py_ssize_t) noexcept
    ctypedef struct PyTypeObject:
        destructor tp_dealloc
        allocfunc tp_alloc
        freefunc tp_free
        Py_ssize_t tp_weaklistoffset
        Py_ssize_t tp_basicsize
        vectorcallfunc tp_vectorcall
        ternaryfunc tp_call
    PyTypeObject python_type "PyType_Type"

cdef extern from "_pages.h":
    enum:
        NODE
    PyObject *new_node(PyTypeObject *type)
    object owned(PyObject *)
    PyObject *new_tuple "PyTuple_New" (Py_ssize_t) except NULL
    PyObject *new_float "PyFloat_FromDouble" (double) except NULL
    void put_item "PyTuple_SET_ITEM" (PyObject *, Py_ssize_t, PyObject *)
    void fetch_older(const void *x) nogil
    void fetch(const void *x) nogil
    void put_node(void *x)
    bint give_up_spare_arenas()

include "_rules.pxi"

cdef extern from "_lists.h":
    double sum_of(const double *x, size_t stride, size_t n) nogil
    double mean_of(const double *x, size_t stride, size_t n) nogil
    double dot_of(const double *x1, const double *x2, size_t stride, size_t n) nogil
    double logsumexp_of(const double *x, size_t stride, size_t n) nogil
    void softmax_of(double *x, size_t n, double *room) nogil

try:
    with open(table.__file__, "rb") as file:
        if crc32(file.read()) != RULES_FINGERPRINT:
            raise ImportError("the native engine was built from another version of the table")
except OSError:
    pass  # an application that ships without sources was built in one go

# ---------------------------------------------------------------- rows and their numbers

DEF LEAF = 0  # what a new object is zeroed to
DEF MOST = 65536
DEF CONSTANT1 = 1  # the first argument is a float
DEF CONSTANT2 = 2  # the second is, or there is none
DEF MANY = 4       # the arguments are in an array
DEF HAS_GRAD = 8
DEF LABELLED = 16
DEF WEAK_REFERENCES = 56  # where they are

cdef list ROWS = [None]  # the row of each number; a user's own rows get theirs when they are first used
cdef uint8_t ARITY[MOST]
cdef uint8_t STOPS[MOST]  # by place, a bit: a partial 0 lets nothing through (a choice, a constant partial)
cdef uint8_t MULTIPLIES[MOST]
cdef dict labels = {}  # by address: few Values have a label, and 8 bytes in each would cost 16


cdef int number_of(object primitive) except -1:
    cdef int op = primitive.opcode
    if op < 0:
        op = len(ROWS)
        if op >= MOST:
            op = forgotten_number()
        ARITY[op] = min(primitive.arity, 3)  # one, two, or more
        STOPS[op] = 0xFF if primitive.chooses else sum([1 << i for i in primitive.cut if i < 8])
        MULTIPLIES[op] = primitive.multiplies
        if op == len(ROWS):
            ROWS.append(primitive)
        else:
            ROWS[op] = primitive
        primitive.opcode = op
    return op


cdef inline void hold_row(int op) noexcept:
    """A node of a user's own row holds a reference to it, so that its number is not given to another."""
    incref(<PyObject *>ROWS[op])


cdef int forgotten_number() except -1:
    """The number of a row that nothing refers to any more but the list here."""
    cdef int op
    cdef PyObject **rows = items_of(<PyObject *>ROWS)
    for op in range(N_RULES, MOST):
        if rows[op].ob_refcnt == 1:
            return op
    raise OverflowError("autograd: more primitives than the native engine can number")


for row in list(TABLE.values())[: N_RULES - 1]:
    number_of(row)

# ---------------------------------------------------------------- the rooms, each of which uses those before it

include "_methods.pxi"            # written by c_rules: value.exp() and the other rows of one argument
include "native/value.pxi"        # what a Value holds, its operators and comparisons
include "native/moments.pxi"      # when the numbers of leaves came to be
include "native/memory.pxi"       # where nodes come from, and giving back without recursion
include "native/recording.pxi"    # new nodes: of operators, rows, lists
include "native/exploration.pxi"  # what a root was computed from, arguments before results
include "native/sweep.pxi"        # the chain rule over what was explored
include "native/gradients.pxi"    # the doors to it, but for Value.backward
include "native/bulk.pxi"         # arrays of numbers in and out, graphs as plain data

VALUES.add(Value)
primitive_module.one_by_one = one_by_one

