# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, c_api_binop_methods=True
"""The native engine: the Value of `autograd/value.py` and the sweep of `autograd/sweep.py` again, in C; a Value takes 64
bytes.

Values and partial derivatives are C that `autograd/c_rules.py` writes from the table. Whatever comes out infinite or nan
is asked for again in Python, so that every error is the reference engine's own. The cyclic collector does not know these
Values: arguments are older than results, so there is no cycle to find.

Ownership: a node owns one reference to each argument that is a Value, and gives it back in `__dealloc__`. All other
pointers to Values are borrowed from a graph that the caller holds.
"""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from libc.math cimport INFINITY, exp, isfinite, log1p, signbit
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
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

# ---------------------------------------------------------------- Value

cdef struct Argument:  # of a node with an array of arguments: a Value that the node owns, or NULL and a constant
    PyObject *value
    double constant

cdef union Operand:
    PyObject *value  # owned
    double constant
    Argument *many   # owned
    size_t count


include "_methods.pxi"  # RowMethods: value.exp() and the other rows of one argument


@cython.final
@cython.no_gc
cdef class Value(RowMethods):
    """Value(data, label='')
--

A scalar that records what is done to it, so that `backward()` can find its gradient.

    data: a real number, kept as a float. label: a name to show in drawings and errors.
    """

    cdef double value
    cdef double slope
    cdef Operand a  # the first argument, or the array of all
    cdef Operand b  # the second argument, or how many there are
    cdef uint32_t slot  # its moment; during a sweep, its place there
    cdef uint16_t op
    cdef uint8_t flags
    cdef object __weakref__

    def __init__(self, data, label=""):
        if self.op != LEAF:
            raise TypeError("Value: this one is the result of an operation")
        self.value = PyFloat_AS_DOUBLE(data) if PyFloat_CheckExact(data) else number(data, "Value")
        self.label = label
        self.flags &= ~HAS_GRAD
        if modes:
            made(self)

    def __dealloc__(self):
        if self.flags & LABELLED and labels is not None:
            labels.pop(<size_t><void *>self, None)
        give_back(<PyObject *>self)

    # -------- what it holds

    @property
    def data(self):
        """The number. It can be set on a leaf, as an optimiser does; elsewhere it is the result of an operation."""
        if modes:
            watch("data", self)
        return self.value

    @data.setter
    def data(self, data):
        if modes:
            watch("set", self)
        if self.op != LEAF:
            raise AttributeError(REFUSALS["data"].format(ROWS[self.op].name))
        set_data(self, PyFloat_AS_DOUBLE(data) if PyFloat_CheckExact(data) else number(data, "data"))

    @property
    def grad(self):
        """The gradient of the root of the last backward() with respect to this Value: d root / d self.

        On a leaf the gradients of all sweeps since `zero_grad` add up. 0.0 before any sweep; `has_grad` tells the two
        apart.
        """
        return self.slope if self.flags & HAS_GRAD else 0.0

    @grad.setter
    def grad(self, grad):
        self.slope = PyFloat_AS_DOUBLE(grad) if PyFloat_CheckExact(grad) else number(grad, "grad")
        self.flags |= HAS_GRAD

    @property
    def has_grad(self):
        """Whether a backward() has reached this Value since it was made or cleared."""
        return bool(self.flags & HAS_GRAD)

    @property
    def primitive(self):
        """The operation this Value is the result of; None for a leaf."""
        return None if self.op == LEAF else ROWS[self.op]

    @property
    def args(self):
        """The arguments of that operation, in order: Values, and floats for constants."""
        cdef size_t i
        if self.op == LEAF:
            return ()
        if self.flags & MANY:
            return tuple([
                <object>self.a.many[i].value if self.a.many[i].value else self.a.many[i].constant
                for i in range(self.b.count)
            ])
        x1 = self.a.constant if self.flags & CONSTANT1 else <object>self.a.value
        if ARITY[self.op] == 1:
            return (x1,)
        return (x1, self.b.constant if self.flags & CONSTANT2 else <object>self.b.value)

    @property
    def label(self):
        """A name to show in drawings and errors; "" if there is none."""
        return labels[<size_t><void *>self] if self.flags & LABELLED else ""

    @label.setter
    def label(self, label):
        if type(label) is not str:
            check_label(label)
        if label:
            labels[<size_t><void *>self] = label
            self.flags |= LABELLED
        elif self.flags & LABELLED:
            del labels[<size_t><void *>self]
            self.flags &= ~LABELLED

    @property
    def is_leaf(self):
        """Whether this Value was made directly rather than computed."""
        return self.op == LEAF

    # What the reference engine's functions read, under the names they read it by.

    @property
    def _number(self):
        return self.value

    @property
    def _primitive(self):
        return None if self.op == LEAF else ROWS[self.op]

    @property
    def _args(self):
        return self.args

    @property
    def _grad(self):
        return self.slope if self.flags & HAS_GRAD else None

    @property
    def _moment(self):
        return moment_of(active, <PyObject *>self)

    def __getattr__(self, name):
        return no_attribute(self, name)

    def __repr__(self):
        if modes:
            watch("text", self)
        label = f", label={self.label!r}" if self.flags & LABELLED else ""
        grad = f", grad={self.slope!r}" if self.flags & HAS_GRAD else ""
        return f"Value({self.value!r}{label}{grad})"

    def __format__(self, spec):
        if modes:
            watch("text", self)
        return format(self.value, spec) if spec else repr(self)

    def __reduce__(self):
        if modes:
            watch("data", self)
        return state_of(self, topological)

    def __copy__(self):
        if modes:
            watch("data", self)
        return restored(self.value, self.label, self._grad, self.primitive, self.args)

    # -------- gradients

    def backward(self, seed=1.0):
        """Compute the gradient of this Value with respect to everything it was computed from.

        Leaves add it to their `grad`, so that several losses accumulate; every other Value on the way is set to the
        gradient of this sweep. seed: the gradient of this Value itself, 1 unless it is part of something larger.

        Raises DomainError where a derivative does not exist, and RuntimeError if the data of a leaf was set since its
        results were computed; no gradient has changed then.
        """
        cdef Graph graph
        cdef double start = seed_of(seed)
        if modes:
            watch("backward", self)
        try:
            explore(&graph, self, False)
            of_one_moment(&graph)
            sweep(&graph, self, start, NULL)
            commit(&graph)
        finally:
            forget(&graph)

    # -------- operators; either side may be the Value

    def __add__(x1, x2):
        return binary(OP_add, x1, x2)

    def __sub__(x1, x2):
        return binary(OP_sub, x1, x2)

    def __mul__(x1, x2):
        return binary(OP_mul, x1, x2)

    def __truediv__(x1, x2):
        return binary(OP_div, x1, x2)

    def __floordiv__(x1, x2):
        return binary(OP_floordiv, x1, x2)

    def __mod__(x1, x2):
        return binary(OP_mod, x1, x2)

    def __dir__(self):
        return names_of(self)

    def __pow__(x1, x2, modulus):
        if modulus is not None:
            return NotImplemented
        return binary(OP_pow, x1, x2)

    def __neg__(self):
        return unary(OP_neg, self)

    def __pos__(self):
        return self

    def __abs__(self):
        return unary(OP_abs, self)

    # -------- comparisons look at data; the hash is identity

    def __eq__(self, other):
        if not isinstance(other, (Value, float, numbers.Real)):
            return NotImplemented  # Python then asks the other side; two of different kinds are not equal
        outcome = bool(self.value == comparable(other))  # NumPy has a bool of its own
        return compared("==", self, other, outcome) if modes else outcome

    def __ne__(self, other):
        if not isinstance(other, (Value, float, numbers.Real)):
            return NotImplemented
        outcome = bool(self.value != comparable(other))
        return compared("!=", self, other, outcome) if modes else outcome

    def __lt__(self, other):
        outcome = self.value < comparable(other)
        return compared("<", self, other, outcome) if modes else outcome

    def __le__(self, other):
        outcome = self.value <= comparable(other)
        return compared("<=", self, other, outcome) if modes else outcome

    def __gt__(self, other):
        outcome = self.value > comparable(other)
        return compared(">", self, other, outcome) if modes else outcome

    def __ge__(self, other):
        outcome = self.value >= comparable(other)
        return compared(">=", self, other, outcome) if modes else outcome

    def __hash__(self):
        return <Py_hash_t>(<size_t><void *>self >> 4)

    # -------- no silent loss of a gradient

    def __float__(self):
        if modes:
            watch("float", self)
        raise TypeError(REFUSALS["float"].format(self))

    def __int__(self):
        if modes:
            watch("int", self)
        raise TypeError(REFUSALS["int"].format(self))

    def __bool__(self):
        if modes:
            watch("bool", self)
        raise TypeError(REFUSALS["bool"].format(self))

    # -------- NumPy, and the table's functions

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return apply_ufunc(ufunc, method, inputs, kwargs)

    @staticmethod
    def _restored(data, label, grad, primitive, args):
        """A copy, from what `__reduce__` told."""
        cdef Value v = Value(data) if primitive is None else made_of(number_of(primitive), primitive, args)
        v.value = data
        v.label = label
        if grad is not None:
            v.grad = grad
        return v

    @staticmethod
    def __apply_primitive__(primitive, args):
        return record(primitive, args)

    def atan2(self, other):
        """The angle of the point (other, self)."""
        return record(table.atan2, (self, other))

    def arctan2(self, other):
        """The angle of the point (other, self)."""
        return record(table.atan2, (self, other))

    def leaky_relu(self, slope=0.01):
        """x if x > 0, else slope · x."""
        return record(table.leaky_relu, (self, slope))

    def elu(self, alpha=1.0):
        """x if x > 0, else alpha · (exp(x) - 1)."""
        return record(table.elu, (self, alpha))


cdef double seed_of(object seed) except? -1.0:
    if is_float(<PyObject *>seed) and float_of(<PyObject *>seed) == float_of(<PyObject *>seed):
        return float_of(<PyObject *>seed)
    return seed_number(seed)


cdef object comparable(object x):
    if type(x) is Value:
        return (<Value>x).value
    return x if PyFloat_CheckExact(x) else getattr(x, "_number", x)


# ---------------------------------------------------------------- moments

# A graph is of one moment: see the reference engine. Here the clock only ticks if something was computed since it last
# did, and a Value at rest keeps its moment in `slot`; a sweep, which wants the slots, keeps the moments meanwhile.

DEF LAST_MOMENT = 0xFFFFFFFE  # from then on changes go unnoticed, after some hours of nothing else
cdef uint32_t now = 0
cdef bint computed = False  # whether a Value was computed since the clock last ticked


cdef void tick() noexcept:
    global now, computed
    if computed and now < LAST_MOMENT:
        now += 1
        computed = False


cdef inline bint is_same(double a, double b) noexcept:
    return a == b and signbit(a) == signbit(b)


def change(Value leaf, double data):
    """Give a leaf another number."""
    set_data(leaf, data)


cdef int set_data(Value leaf, double data) except -1:
    if is_same(leaf.value, data):
        return 0
    if data != data and leaf.value == leaf.value:
        diverged(leaf, leaf.value, leaf._grad)
    tick()
    leaf.value = data
    set_moment(<PyObject *>leaf, now)
    return 0


def put_back(Value leaf, double data, uint32_t moment):
    """Give a leaf the number that it had, as if it had never had another."""
    leaf.value = data
    set_moment(<PyObject *>leaf, moment)


cdef void set_moment(PyObject *x, uint32_t moment) noexcept:
    cdef Graph *graph = active
    cdef size_t i
    cdef bint swept = False
    while graph != NULL:  # a sweep that is under way keeps it
        for i in range(graph.n_seen):
            if graph.seen[i] == x:
                graph.moments[i] = moment
                swept = True
        graph = graph.outer
    if not swept:
        (<Value>x).slot = moment


cdef uint32_t moment_of(Graph *graph, PyObject *x) noexcept:
    """The moment of x, which `graph` or a sweep that began before it may be keeping."""
    cdef size_t slot = (<Value>x).slot
    while graph != NULL:
        if slot < graph.n_seen and graph.seen[slot] == x:
            return graph.moments[slot]
        graph = graph.outer
    return (<Value>x).slot


class Clock:
    """Counts the changes of leaves."""

    @property
    def now(self):
        return now


clock = Clock()

# ---------------------------------------------------------------- giving back, without recursion

# A graph may be a chain of ten million nodes: dropping the last one must not call itself ten million times. What a node
# owned waits, and the outermost `give_back` lets go of it all. Those that wait are linked by a field of their own, where
# their gradients were: no memory is needed to give memory back.
cdef PyObject *waiting = NULL
cdef bint releasing = False


cdef void give_back(PyObject *x) noexcept:
    """Let go of the references that a node owns."""
    global waiting, releasing
    cdef size_t i, n
    cdef Argument *many
    cdef PyObject *last
    if (<Value>x).op == LEAF:
        return
    if (<Value>x).op >= N_RULES:
        decref(<PyObject *>ROWS[(<Value>x).op])
    if (<Value>x).flags & MANY:
        many, n = (<Value>x).a.many, (<Value>x).b.count
        for i in range(n):
            if many[i].value:
                release(many[i].value)
        PyMem_Free(many)
    else:
        if not (<Value>x).flags & CONSTANT1:
            release((<Value>x).a.value)
        if not (<Value>x).flags & CONSTANT2:
            release((<Value>x).b.value)
    if waiting != NULL and not releasing:
        releasing = True
        while waiting != NULL:
            last = waiting
            waiting = (<PyObject **>&(<Value>last).slope)[0]
            (<Value>last).slope = 0.0
            decref(last)
        releasing = False


cdef inline void release(PyObject *x) noexcept:
    if x.ob_refcnt > 1 or (<Value>x).op == LEAF:
        decref(x)  # nothing below it has to wait
    else:
        wait(x)


cdef void wait(PyObject *x) noexcept:
    global waiting
    (<Value>x).flags &= ~HAS_GRAD
    (<PyObject **>&(<Value>x).slope)[0] = waiting
    waiting = x


cdef PyTypeObject *value_type = <PyTypeObject *>Value
cdef destructor deallocate_with_care = value_type.tp_dealloc


cdef void deallocate(PyObject *x) noexcept:
    """What Cython made of `__dealloc__`, for the many nodes that nothing else knows of: no label, no weak reference."""
    if (<Value>x).flags & LABELLED or (<PyObject **>(<char *>x + WEAK_REFERENCES))[0] != NULL:
        deallocate_with_care(x)
        return
    fetch_older(x)
    give_back(x)
    put_node(x)


cdef PyObject *allocate(PyTypeObject *type, Py_ssize_t n) noexcept:
    """What Python's own `tp_alloc` does, in our pages."""
    cdef PyObject *x = new_node(type)
    if x == NULL:
        return no_memory()
    memset(<char *>x + sizeof(PyObject), 0, type.tp_basicsize - sizeof(PyObject))
    return x


assert value_type.tp_basicsize == NODE and value_type.tp_weaklistoffset == WEAK_REFERENCES
value_type.tp_alloc = allocate
value_type.tp_free = <freefunc>put_node
value_type.tp_dealloc = deallocate


cdef void *reallocated(void *memory, size_t size) noexcept:
    """Memory, larger than before; if there is none, that of the nodes which are gone is given up for it. NULL if even so.
    """
    cdef void *found = PyMem_Realloc(memory, size)
    if found == NULL and give_up_spare_arenas():
        found = PyMem_Realloc(memory, size)
    return found


cdef inline PyObject *begun(int op, uint8_t flags, double y) except NULL:
    """A new Value, whose arguments are still to be set; a leaf has none."""
    global computed
    cdef PyObject *v = new_node(value_type)
    if v == NULL:
        raise MemoryError()
    (<Value>v).value = y
    (<Value>v).slot = now
    (<Value>v).op = op
    (<Value>v).flags = flags
    (<PyObject **>(<char *>v + WEAK_REFERENCES))[0] = NULL
    computed = True
    return v


cdef Value leaf_of(double data):
    return owned(begun(LEAF, 0, data))


cdef PyObject *leaf_from(PyObject *type, PyObject **args, size_t n, PyObject *names) except NULL:
    """`Value(data)` for a float; Python's own way is a tuple, a dict and two calls."""
    if names == NULL and n & ~ARGUMENTS_OFFSET == 1 and is_float(args[0]) and not modes:
        return begun(LEAF, 0, float_of(args[0]))
    return called_with_care(type, args, n & ~ARGUMENTS_OFFSET, names)


cdef PyObject *called_with_care(PyObject *type, PyObject **args, size_t n, PyObject *names) except NULL:
    cdef size_t i
    cdef tuple given = tuple([<object>args[i] for i in range(n)])
    cdef dict named = {}
    if names != NULL:
        for i, name in enumerate(<tuple>names):
            named[name] = <object>args[n + i]
    return python_type.tp_call(type, <PyObject *>given, <PyObject *>named)


value_type.tp_vectorcall = leaf_from


# ---------------------------------------------------------------- recording

cdef Value noted(Value v):
    """`v`, which is new, in a thread that may do something else than record: see `modes`."""
    mode = modes.get(get_ident())
    if isinstance(mode, list):
        if mode.follows:
            mode.append(v)
        else:
            (<list>mode).append(v)
    if type(mode) is not int:
        return v
    return leaf_of(v.value)


cdef Value node(int op, uint8_t flags, object x1, object x2, double p, double q):
    """A new node with one or two arguments, p and q as numbers, in the cases that take more than arithmetic."""
    cdef double y = rule_value(op, p, q)
    cdef Value v
    if not isfinite(y):  # an error, a user's own row, or really infinite: Python knows
        y = evaluate(ROWS[op], (x1, x2)[: ARITY[op]], (p, q)[: ARITY[op]])
    v = owned(begun(op, flags, y))
    if op >= N_RULES:
        hold_row(op)
    give_arguments(<PyObject *>v, flags, <PyObject *>x1, <PyObject *>x2, p, q)
    return noted(v) if modes else v


cdef inline void give_arguments(PyObject *v, uint8_t flags, PyObject *x1, PyObject *x2, double p, double q) noexcept:
    """v owns a reference to each argument that is a Value, from here on."""
    if flags & CONSTANT1:
        (<Value>v).a.constant = p
    else:
        incref(x1)
        (<Value>v).a.value = x1
    if flags & CONSTANT2:
        (<Value>v).b.constant = q
    else:
        incref(x2)
        (<Value>v).b.value = x2


cdef inline object unary(int op, Value x):
    cdef double y = rule_value(op, x.value, 0.0)
    cdef PyObject *v
    if modes or not isfinite(y):
        return node(op, CONSTANT2, x, None, x.value, 0.0)
    v = begun(op, CONSTANT2, y)
    give_arguments(v, CONSTANT2, <PyObject *>x, NULL, x.value, 0.0)
    return owned(v)


cdef inline object binary(int op, object x1, object x2):
    """x1 + x2 and the like, of which one is a Value: the methods below are made of it, each for its own operation."""
    cdef uint8_t flags = 0
    cdef double p, q, y
    cdef PyObject *v
    if is_value(<PyObject *>x1):
        p = (<Value>x1).value
    elif is_float(<PyObject *>x1):
        p = float_of(<PyObject *>x1)
        flags = CONSTANT1
    else:
        return of_other_numbers(op, x1, x2)
    if is_value(<PyObject *>x2):
        q = (<Value>x2).value
    elif is_float(<PyObject *>x2):
        q = float_of(<PyObject *>x2)
        flags |= CONSTANT2
    else:
        return of_other_numbers(op, x1, x2)
    y = rule_value(op, p, q)
    if modes or not isfinite(y):
        return node(op, flags, x1, x2, p, q)
    v = begun(op, flags, y)
    give_arguments(v, flags, <PyObject *>x1, <PyObject *>x2, p, q)
    return owned(v)


cdef object of_other_numbers(int op, object x1, object x2):
    """`binary` where one side is neither a Value nor a float."""
    if PyLong_CheckExact(x1) and op == OP_add and x1 == 0:
        return x2  # the 0 that the built-in sum() starts from
    if not PyLong_CheckExact(x1) and not PyLong_CheckExact(x2):
        for x in (x1, x2):
            if type(x) is not Value and not isinstance(x, (float, int, numbers.Real)):
                return NotImplemented  # Python then asks the other side, or raises TypeError
    if type(x1) is Value:
        return any_of_two(op, x1, float(x2))
    return any_of_two(op, float(x1), x2)


cdef object any_of_one(int op, Value x):
    """`unary` for an operation that only the caller knows."""
    return unary(op, x)


cdef object any_of_two(int op, object x1, object x2):
    return binary(op, x1, x2)  # as above


cdef inline int append(Value v, object arg) except -1:
    """One more argument for a node with an array, which has room for it. 1 if it is a Value, 2 if it cannot be one."""
    cdef Argument *place = &v.a.many[v.b.count]
    if type(arg) is Value:
        incref(<PyObject *>arg)  # owned by v from here on
        place.value = <PyObject *>arg
        place.constant = (<Value>arg).value
    elif PyFloat_CheckExact(arg):
        place.value = NULL
        place.constant = PyFloat_AS_DOUBLE(arg)
    else:
        return 2
    v.b.count += 1
    return type(arg) is Value


cdef Value with_room(int op, size_t n):
    cdef Value v = leaf_of(0.0)
    v.a.many = <Argument *>reallocated(NULL, (n or 1) * sizeof(Argument))
    if v.a.many == NULL:
        raise MemoryError()
    v.b.count = 0
    v.op, v.flags = op, MANY
    if op >= N_RULES:
        hold_row(op)
    return v


cdef Value finished(Value v):
    """`v` with its value, from the numbers in its array of arguments."""
    cdef int op = v.op
    cdef size_t i, n = v.b.count, stride = sizeof(Argument) // sizeof(double)
    cdef Argument *x = v.a.many
    cdef double y
    cdef double short[8]
    if op == OP_sum:
        y = sum_of(&x[0].constant, stride, n)
    elif op == OP_mean:
        y = mean_of(&x[0].constant, stride, n)
    elif op == OP_dot:
        y = dot_of(&x[0].constant, &x[n // 2].constant, stride, n // 2)
    elif op == OP_logsumexp and n:
        y = logsumexp_of(&x[0].constant, stride, n)
    elif n <= 8:
        for i in range(n):
            short[i] = x[i].constant
        y = rule_value_of_many(op, short)
    else:
        y = INFINITY
    if not isfinite(y) or (n == 0 and op != OP_sum and op != OP_dot):
        y = evaluate(ROWS[op], v.args, [x[i].constant for i in range(n)])
    v.value = y
    return noted(v) if modes else v


cdef Value made_of(int op, primitive, args):
    """A node with these arguments, Values and floats, whose value is still to be set."""
    cdef Value v
    if primitive.rule is not None or len(args) > 2:
        v = with_room(op, len(args))
        for arg in args:
            append(v, arg)
        return v
    v = owned(begun(op, CONSTANT1 | CONSTANT2, 0.0))
    if op >= N_RULES:
        hold_row(op)
    x1, x2 = args[0], args[1] if len(args) == 2 else 0.0
    if type(x1) is Value:
        incref(<PyObject *>x1)  # owned by v from here on
        v.a.value = <PyObject *>x1
        v.flags &= ~CONSTANT1
    else:
        v.a.constant = x1
    if type(x2) is Value:
        incref(<PyObject *>x2)  # as above
        v.b.value = <PyObject *>x2
        v.flags &= ~CONSTANT2
    else:
        v.b.constant = x2
    return v


def record(primitive, args):
    """The Value of `primitive` at `args`, Values or numbers. Raises DomainError where there is no value."""
    cdef int op = number_of(primitive)
    if primitive.rule is None and len(args) != primitive.arity:
        raise TypeError(f"{primitive.name}: takes {primitive.arity} arguments, got {len(args)}")
    cdef list checked = [
        arg if type(arg) is Value or PyFloat_CheckExact(arg) else number(arg, primitive.name) for arg in args
    ]
    cdef Value v = made_of(op, primitive, checked)
    if v.flags & MANY:
        return finished(v)
    v.value = rule_value(
        op,
        v.a.constant if v.flags & CONSTANT1 else (<Value>v.a.value).value,
        v.b.constant if v.flags & CONSTANT2 else (<Value>v.b.value).value,
    )
    if not isfinite(v.value):
        v.value = evaluate(primitive, checked, [arg if type(arg) is float else (<Value>arg).value for arg in checked])
    return noted(v) if modes else v


cdef PyObject *call_row(PyObject *row, PyObject *args, PyObject *named) except NULL:
    """`row(*args)`: at once in the ordinary case, Values and floats, and by `Primitive.__call__` in all others."""
    cdef int op = -1 if named != NULL else known_number(row)
    cdef object y = NotImplemented
    if op >= 0:
        if len(<tuple>args) == 1 and ARITY[op] == 1 and is_value(items_of(args)[0]):
            y = any_of_one(op, <Value>items_of(args)[0])
        else:
            y = of_values(op, <tuple>args)
    if y is NotImplemented:
        return call_with_care(row, args, named)
    incref(<PyObject *>y)
    return <PyObject *>y


cdef PyTypeObject *row_type = <PyTypeObject *>Primitive
cdef ternaryfunc call_with_care = row_type.tp_call
row_type.tp_call = call_row

cdef uint16_t numbers_by_address[256]  # a guess, held against ROWS


cdef inline int known_number(PyObject *row) except? -1:
    """The number of a row, -1 if it has none yet. Asking the row itself is as slow as the whole operation."""
    cdef uint16_t *guess = &numbers_by_address[<size_t>row // 64 % 256]
    cdef int op
    if items_of(<PyObject *>ROWS)[guess[0]] == row:
        return guess[0]
    op = (<object>row).opcode
    if op >= 0:
        guess[0] = op
    return op


cdef object of_values(int op, tuple args):
    """A row of Values and floats, at least one of them a Value; NotImplemented for all else."""
    cdef size_t n = len(args)
    cdef bint found = False
    if op == OP_sum or op == OP_mean or op == OP_logsumexp or op == OP_dot:
        return of_lists(op, args)
    if n != ARITY[op] or n != 2:
        return NotImplemented
    for arg in args:
        if type(arg) is Value:
            found = True
        elif not PyFloat_CheckExact(arg):
            return NotImplemented
    return any_of_two(op, args[0], args[1]) if found else NotImplemented


cdef object of_lists(int op, tuple args):
    """A variadic row on lists or tuples of Values and floats, at least one of them a Value; else NotImplemented."""
    cdef size_t groups = 2 if op == OP_dot else 1
    cdef size_t n, i, j
    cdef bint found = False
    cdef Argument *place
    cdef PyObject **items
    cdef Value v
    if <size_t>len(args) != groups:
        return NotImplemented
    for group in args:
        if (type(group) is not list and type(group) is not tuple) or len(group) != len(args[0]):
            return NotImplemented
    n = len(args[0])
    v = with_room(op, groups * n)
    place = v.a.many
    for i in range(groups):
        items = items_of(<PyObject *>args[i])
        for j in range(n):
            if is_value(items[j]):
                incref(items[j])  # owned by v from here on
                place.value = items[j]
                place.constant = (<Value>items[j]).value
                found = True
            elif is_float(items[j]):
                place.value = NULL
                place.constant = float_of(items[j])
            else:
                v.b.count = place - v.a.many  # `v` gives back what it owns so far
                return NotImplemented
            place += 1
    v.b.count = groups * n
    return finished(v) if found else NotImplemented


cdef inline bint is_value(PyObject *x) noexcept:
    return <void *>x.ob_type == <void *>value_type


# ---------------------------------------------------------------- the sweep

cdef struct Graph:
    PyObject **order    # arguments before results; borrowed from the root, as all Values here
    PyObject **seen     # every Value, by slot, in the order of first sight
    double *cotangents  # by slot; -0.0 says that nothing has arrived, a gradient that came out as 0 is +0.0
    uint32_t *moments   # by slot
    bint with_leaves    # whether `order` holds the leaves, too; a sweep has nothing to do there
    size_t *stack       # Values still to be looked at; with the lowest bit set, those whose arguments are done
    size_t n, n_seen, room, stack_room
    size_t turn         # which exploration this is, of all
    bint old            # whether a leaf was changed since one of the Values was computed
    size_t n_leaves     # Values that were made directly
    size_t n_ends       # and with them the results of constants alone: all that the others are computed from
    Graph *outer        # the exploration that is under way besides, and began before

# Memory is kept from one sweep to the next, unless it is a lot: a training loop sweeps over a like graph each time.
DEF KEPT = 1 << 20
cdef Graph spare
memset(&spare, 0, sizeof(spare))
cdef Graph *active = NULL  # the explorations that are under way, the latest first

# A Value's slot belongs to the last exploration that came by. Where Python code may have run in between (a user's
# partial, a signal handler, another thread) that can be another one, and `number_again` takes the slots back.
cdef size_t turns = 0


cdef void forget(Graph *graph) noexcept:
    global turns
    cdef size_t i
    cdef Graph **link = &active
    while link[0] != graph:
        link = &link[0].outer
    link[0] = graph.outer
    for i in range(graph.n_seen):
        (<Value>graph.seen[i]).slot = graph.moments[i]
    if active != NULL:
        turns += 1  # the others take their slots back
    if graph.room <= KEPT and spare.room == 0:
        memcpy(&spare, graph, sizeof(spare))
        return
    PyMem_Free(graph.order)
    PyMem_Free(graph.seen)
    PyMem_Free(graph.cotangents)
    PyMem_Free(graph.moments)
    PyMem_Free(graph.stack)


cdef int make_room(Graph *graph, size_t least) except -1:
    """Room for `least` Values and more."""
    cdef size_t room = 2 * least + 1024
    cdef void *larger
    if room > 0xFFFFFFF0:
        raise MemoryError("the graph has more nodes than a sweep can number")
    larger = reallocated(graph.seen, room * sizeof(PyObject *))
    if larger == NULL:
        raise MemoryError()
    graph.seen = <PyObject **>larger
    larger = reallocated(graph.order, room * sizeof(PyObject *))
    if larger == NULL:
        raise MemoryError()
    graph.order = <PyObject **>larger
    larger = reallocated(graph.cotangents, room * sizeof(double))
    if larger == NULL:
        raise MemoryError()
    graph.cotangents = <double *>larger
    larger = reallocated(graph.moments, room * sizeof(uint32_t))
    if larger == NULL:
        raise MemoryError()
    graph.moments = <uint32_t *>larger
    graph.room = room
    return 0


cdef int make_stack_room(Graph *graph, size_t least) except -1:
    cdef void *larger = reallocated(graph.stack, (2 * least + 1024) * sizeof(size_t))
    if larger == NULL:
        raise MemoryError()
    graph.stack = <size_t *>larger
    graph.stack_room = 2 * least + 1024
    return 0


# The loops below run once per node and once per edge. They read through borrowed pointers, `(<Value>x).slot`, and never
# bind one to a name of type Value, which would count references up and down again.


cdef inline bint is_seen(Graph *graph, PyObject *x) noexcept:
    # What an earlier exploration left in a slot need not be cleared: it means something only if this one agrees.
    return (<Value>x).slot < graph.n_seen and graph.seen[(<Value>x).slot] == x


cdef inline void see(Graph *graph, PyObject *x, size_t *n_seen) noexcept:
    graph.seen[n_seen[0]] = x
    graph.cotangents[n_seen[0]] = -0.0
    graph.moments[n_seen[0]] = (<Value>x).slot if graph.outer == NULL else moment_of(graph.outer, x)
    (<Value>x).slot = <uint32_t>n_seen[0]
    n_seen[0] += 1


cdef void visit_many(Graph *graph, PyObject *node, size_t *seen_so_far, size_t *stacked) noexcept:
    """`visit` for each argument that is a Value. The counters live in registers: most arguments of a dot are leaves."""
    cdef Argument *args = (<Value>node).a.many
    cdef size_t count = (<Value>node).b.count
    cdef PyObject **seen = graph.seen
    cdef PyObject **order = graph.order
    cdef double *cotangents = graph.cotangents
    cdef uint32_t *moments = graph.moments
    cdef bint with_leaves = graph.with_leaves
    cdef size_t i, slot, n = graph.n, n_seen = seen_so_far[0], n_stack = stacked[0]
    cdef PyObject *x
    cdef bint any_value = False
    for i in range(count):
        x = args[i].value
        if x == NULL:
            continue
        any_value = True
        slot = (<Value>x).slot
        if slot < n_seen and seen[slot] == x:
            continue
        if (<Value>x).op != LEAF and not ((<Value>x).flags & MANY and (<Value>x).b.count == 0):
            graph.stack[n_stack] = <size_t>x
            n_stack += 1
            continue
        seen[n_seen] = x
        cotangents[n_seen] = -0.0
        moments[n_seen] = <uint32_t>slot if graph.outer == NULL else moment_of(graph.outer, x)
        (<Value>x).slot = <uint32_t>n_seen
        n_seen += 1
        graph.n_leaves += (<Value>x).op == LEAF
        graph.n_ends += 1
        if with_leaves:
            order[n] = x
            n += 1
    graph.n, seen_so_far[0], stacked[0] = n, n_seen, n_stack
    graph.n_ends += not any_value


cdef inline void visit(Graph *graph, PyObject *x, size_t *n_seen, size_t *n_stack) noexcept:
    """Look at an argument: a leaf is in order at once, a node has to wait for its own arguments. There is room for it."""
    cdef size_t slot = (<Value>x).slot
    if slot < n_seen[0] and graph.seen[slot] == x:
        return
    if (<Value>x).op == LEAF or ((<Value>x).flags & MANY and (<Value>x).b.count == 0):
        see(graph, x, n_seen)
        graph.n_leaves += (<Value>x).op == LEAF
        graph.n_ends += 1
        if graph.with_leaves:
            graph.order[graph.n] = x
            graph.n += 1
    else:
        graph.stack[n_stack[0]] = <size_t>x
        n_stack[0] += 1


cdef int begin(Graph *graph, Value root, bint with_leaves) except -1:
    global turns, active
    memcpy(graph, &spare, sizeof(spare))
    memset(&spare, 0, sizeof(spare))
    turns += 1
    graph.turn = turns
    graph.with_leaves = with_leaves
    graph.n = graph.n_seen = graph.n_leaves = graph.n_ends = 0
    graph.old = False
    graph.outer = active
    active = graph
    if graph.stack_room == 0:
        make_stack_room(graph, 1)
    graph.stack[0] = <size_t><PyObject *>root
    return 0


cdef int explore(Graph *graph, Value root, bint with_leaves) except -1:
    """Fill `graph.order`, exactly as the reference engine's `topological` does, with or without the leaves."""
    cdef size_t top, n_before, steps = 0, n_stack, n_seen = 0  # the counters live in registers
    cdef PyObject *x
    begin(graph, root, with_leaves)
    n_stack = 1
    while n_stack:
        top = graph.stack[n_stack - 1]
        x = <PyObject *>(top & ~<size_t>1)
        n_stack -= 1
        if top & 1:
            graph.order[graph.n] = x
            graph.n += 1
            continue
        fetch_older(x)
        if (<Value>x).slot < n_seen and graph.seen[(<Value>x).slot] == x:
            continue
        steps += 1
        if n_seen + 3 > graph.room or n_stack + 3 > graph.stack_room or (<Value>x).flags & MANY or not steps & 0xFFFF:
            graph.n_seen = n_seen
            prepare(graph, x, n_stack, steps)
        see(graph, x, &n_seen)
        if graph.moments[n_seen - 1] != now:
            graph.old = True
        graph.stack[n_stack] = top | 1
        n_before = n_stack
        n_stack += 1
        if (<Value>x).flags & MANY:
            visit_many(graph, x, &n_seen, &n_stack)
        elif (<Value>x).op != LEAF:
            if not (<Value>x).flags & CONSTANT1:
                visit(graph, (<Value>x).a.value, &n_seen, &n_stack)
            elif (<Value>x).flags & CONSTANT2:
                graph.n_ends += 1
            if not (<Value>x).flags & CONSTANT2:
                visit(graph, (<Value>x).b.value, &n_seen, &n_stack)
        else:
            graph.n_leaves = graph.n_ends = 1  # the root
        if n_stack == n_before + 1:  # nothing has to be done before it
            n_stack = n_before
            graph.order[graph.n] = x
            graph.n += 1
    graph.n_seen = n_seen
    return 0


cdef int prepare(Graph *graph, PyObject *x, size_t n_stack, size_t steps) except -1:
    """Room for x and its arguments; and, once in a while, an ear for what comes from outside."""
    cdef size_t n_args = (<Value>x).b.count if (<Value>x).flags & MANY else 2
    if graph.n_seen + n_args + 1 > graph.room:
        make_room(graph, graph.n_seen + n_args + 1)
    if n_stack + n_args + 1 > graph.stack_room:
        make_stack_room(graph, n_stack + n_args + 1)
    if not steps & 0xFFFF:
        let_signals_through(graph)
    return 0


cdef double asked(Graph *graph, PyObject *x, size_t place) except? -1.0:
    """A partial derivative that C could not give, from Python."""
    cdef double p = partials_of(<object>x, place)
    number_again(graph)
    return p


cdef void number_again(Graph *graph) noexcept:
    """After anything that may have run Python code: give the Values their slots back, if another sweep came by."""
    global turns
    cdef size_t i
    if turns != graph.turn:
        for i in range(graph.n_seen):
            (<Value>graph.seen[i]).slot = <uint32_t>i
        turns += 1  # the other sweep, if it is still under way, has to do the same
        graph.turn = turns


cdef int let_signals_through(Graph *graph) except -1:
    PyErr_CheckSignals()  # Ctrl-C
    number_again(graph)
    return 0


cdef inline double number_at(Argument *x) noexcept:
    return (<Value>x.value).value if x.value else x.constant


cdef inline int add_to(Graph *graph, PyObject *node, size_t place, PyObject *x, double c, double p) except -1:
    # Adding 0.0 makes a gradient that came out as -0.0 tell itself from one that never arrived.
    if p != 0.0 or not carries_nothing(graph, node, place):
        graph.cotangents[(<Value>x).slot] += c * p + 0.0
    return 0


cdef bint carries_nothing(Graph *graph, PyObject *node, size_t place) except -1:
    """Whether a partial that is 0 is so by construction: see the reference engine."""
    cdef int op = (<Value>node).op
    cdef size_t n
    cdef bint found
    if op >= N_RULES:  # a user's own, of any length
        found = reference_carries_nothing(<object>node, place)
        number_again(graph)
        return found
    if STOPS[op] >> (place if place < 7 else 7) & 1:
        return True
    if not MULTIPLIES[op]:
        return False
    if (<Value>node).flags & MANY:
        n = (<Value>node).b.count
        return is_zero(&(<Value>node).a.many[(place + n // 2) % n])
    if place == 0:
        return (<Value>node).flags & CONSTANT2 and (<Value>node).b.constant == 0.0
    return (<Value>node).flags & CONSTANT1 and (<Value>node).a.constant == 0.0


cdef inline bint is_zero(Argument *x) noexcept:
    """Whether an argument is the constant 0."""
    return x.value == NULL and x.constant == 0.0


cdef int sweep(Graph *graph, Value root, double seed, const uint8_t *within) except -1:
    """The chain rule, from the root back: fill `graph.cotangents`. within: as in the reference engine, by slot."""
    try:
        pass_on(graph, root, seed, within)
    except (ArithmeticError, ValueError):
        if any_nan(graph):  # it came first, and the reference engine would have said so then
            explain(graph, root, seed, within)
        raise
    if any_nan(graph):
        explain(graph, root, seed, within)
    return 0


cdef bint any_nan(Graph *graph) noexcept:
    cdef double *cotangents = graph.cotangents
    cdef size_t i
    cdef int64_t found = 0
    for i in range(graph.n_seen):
        found |= cotangents[i] != cotangents[i]  # without a branch the compiler takes several at once
    return found != 0


cdef int pass_on(Graph *graph, Value root, double seed, const uint8_t *within) except -1:
    cdef size_t i = graph.n
    cdef int op
    cdef double c
    cdef PyObject *x
    graph.cotangents[root.slot] = seed if seed != 0.0 else -0.0
    while i:
        i -= 1
        if i & 0xFFFF == 0xFFFF:
            let_signals_through(graph)
        x = graph.order[i]
        fetch(graph.order[i - 8 if i > 8 else 0])
        c = graph.cotangents[(<Value>x).slot]
        if c == 0.0 and signbit(c):
            continue
        op = (<Value>x).op
        if op == OP_add:  # what most nodes are; the compiler knows its rule then
            pass_on_two(graph, x, OP_add, c, within)
        elif op == OP_mul:
            pass_on_two(graph, x, OP_mul, c, within)
        elif (<Value>x).flags & MANY:
            sweep_many(graph, x, c, within)
        elif op != LEAF:  # the root may be one
            pass_on_two(graph, x, op, c, within)
    return 0


cdef inline int pass_on_two(Graph *graph, PyObject *x, int op, double c, const uint8_t *within) except -1:
    """The same for one node with one or two arguments."""
    cdef uint8_t flags = (<Value>x).flags
    cdef PyObject *a = NULL if flags & CONSTANT1 else (<Value>x).a.value
    cdef PyObject *b = NULL if flags & CONSTANT2 else (<Value>x).b.value
    cdef double x1 = (<Value>a).value if a != NULL else (<Value>x).a.constant
    cdef double x2 = (<Value>b).value if b != NULL else (<Value>x).b.constant
    cdef double y = (<Value>x).value, p
    if a != NULL and (within == NULL or within[(<Value>a).slot]):
        p = rule_partial1(op, x1, x2, y)
        if not isfinite(p):
            p = asked(graph, x, 0)
        add_to(graph, x, 0, a, c, p)
    if b != NULL and (within == NULL or within[(<Value>b).slot]):
        p = rule_partial2(op, x1, x2, y)
        if not isfinite(p):
            p = asked(graph, x, 1)
        add_to(graph, x, 1, b, c, p)
    return 0


cdef int explain(Graph *graph, Value root, double seed, const uint8_t *within) except -1:
    """Some cotangent is nan: raise what the reference engine does, if it does."""
    cdef size_t i
    wanted = None
    if within != NULL:
        wanted = {<object>graph.seen[i] for i in range(graph.n_seen) if within[i]}
    order = topological(root)
    number_again(graph)
    pull_back(order, seed, read_data, wanted)
    number_again(graph)
    return 0


cdef int of_one_moment(Graph *graph) except -1:
    """Raise RuntimeError if a leaf was changed after something was computed from it."""
    cdef size_t i, k
    cdef PyObject *x
    cdef PyObject *leaf
    if not graph.old:
        return 0
    for i in range(graph.n):
        x = graph.order[i]
        if (<Value>x).op == LEAF:
            continue
        for k in range((<Value>x).b.count if (<Value>x).flags & MANY else 2):
            if (<Value>x).flags & MANY:
                leaf = (<Value>x).a.many[k].value
            elif k == 0:
                leaf = NULL if (<Value>x).flags & CONSTANT1 else (<Value>x).a.value
            else:
                leaf = NULL if (<Value>x).flags & CONSTANT2 else (<Value>x).b.value
            if leaf == NULL or (<Value>leaf).op != LEAF:
                continue
            if graph.moments[(<Value>leaf).slot] > graph.moments[(<Value>x).slot]:
                raise changed_since(<object>leaf, <object>x)
    return 0


cdef int sweep_many(Graph *graph, PyObject *node, double c, const uint8_t *within) except -1:
    """The same for one node with an array of arguments."""
    cdef Argument *x = (<Value>node).a.many
    cdef size_t k, n = (<Value>node).b.count, half = n // 2
    cdef int op = (<Value>node).op
    cdef double p = 1.0
    cdef double *weights = NULL
    cdef double *cotangents = graph.cotangents
    cdef double short[24]
    cdef bint wanted = within == NULL
    for k in range(n if within != NULL else 0):
        wanted = wanted or (x[k].value != NULL and within[(<Value>x[k].value).slot])
    if not wanted:
        return 0
    if op == OP_dot and within == NULL:
        for k in range(n):
            if x[k].value:
                p = number_at(x + (k + half if k < half else k - half))
                if p != 0.0 or x[k + half if k < half else k - half].value != NULL:
                    cotangents[(<Value>x[k].value).slot] += c * p + 0.0
        return 0
    if op >= N_RULES and ROWS[op].rule is not None:  # a user's variadic row: its rule gives all partials at once
        partials = partials_of(<object>node)
        number_again(graph)
        for k in range(n):
            if x[k].value != NULL and (within == NULL or within[(<Value>x[k].value).slot]):
                add_to(graph, node, k, x[k].value, c, partials[k])
        return 0
    if op == OP_mean:
        p = 1.0 / n
    elif op == OP_logsumexp:
        weights = short
        if 3 * n > 24:
            weights = <double *>reallocated(NULL, 3 * n * sizeof(double))
            if weights == NULL:
                raise MemoryError
        for k in range(n):
            weights[k] = number_at(x + k)
        softmax_of(weights, n, weights + n)
    elif op != OP_sum and op != OP_dot and n <= 8:
        for k in range(n):
            short[k] = number_at(x + k)
    try:
        for k in range(n):
            if not x[k].value or not (within == NULL or within[(<Value>x[k].value).slot]):
                continue
            if op == OP_dot:
                p = number_at(x + (k - half if k >= half else k + half))
            elif op == OP_logsumexp:
                p = weights[k]
            elif op != OP_sum and op != OP_mean:
                p = rule_partial_of_many(op, <int>k, short, (<Value>node).value) if n <= 8 else INFINITY
                if not isfinite(p):
                    p = asked(graph, node, k)
            add_to(graph, node, k, x[k].value, c, p)
    finally:
        if weights != short:
            PyMem_Free(weights)
    return 0


cdef void commit(Graph *graph) noexcept:
    """Leaves add what the sweep brought, all others are set to it."""
    cdef PyObject **seen = graph.seen
    cdef double *cotangents = graph.cotangents
    cdef uint32_t *moments = graph.moments
    cdef size_t i, n = graph.n_seen
    cdef double c
    graph.n_seen = 0  # the slots are given back here, while the Values are at hand
    for i in range(n):
        fetch(seen[i + 8 if i + 8 < n else i])
        c = cotangents[i] + 0.0  # where nothing arrived, the gradient is 0
        if (<Value>seen[i]).flags & HAS_GRAD and (<Value>seen[i]).op == LEAF:
            c += (<Value>seen[i]).slope
        (<Value>seen[i]).slope = c
        (<Value>seen[i]).slot = moments[i]
        (<Value>seen[i]).flags |= HAS_GRAD


def topological(root):
    """Every Value that `root` was computed from, arguments before results, `root` last. The order is always the same."""
    cdef Graph graph
    cdef size_t i
    check_values("topological", root, one=True)
    cdef Value start = root
    try:
        explore(&graph, start, True)
        return [<object>graph.order[i] for i in range(graph.n)]
    finally:
        forget(&graph)


def leaves(y):
    """The leaves that `y` was computed from, in the order of `topological`."""
    cdef Graph graph
    cdef size_t i
    check_values("leaves", y, one=True)
    cdef Value start = y
    try:
        explore(&graph, start, True)
        return [<object>graph.order[i] for i in range(graph.n) if (<Value>graph.order[i]).op == LEAF]
    finally:
        forget(&graph)


def gradients(y, xs, seed=1.0, *, recorded=False):
    """The cotangent of each of `xs` when that of `y` is `seed`: floats, or if `recorded` Values where they vary."""
    cdef Graph graph
    cdef list wanted, found
    cdef size_t i
    check_values("gradients", y, one=True)
    cdef Value start = y
    wanted = list(xs) if hasattr(xs, "__iter__") else check_values("gradients", xs)
    all_values("gradients", items_of(<PyObject *>wanted), len(wanted))
    cdef double start_seed = seed_of(seed)
    if recorded:
        order = topological(y)
        reference_of_one_moment(order, now)
        return gradients_along(order, wanted, start_seed, read_value)
    # From here to the end nothing makes a list or a tuple: the collector would run, and with it perhaps a finalizer.
    found = [0.0] * len(wanted)
    try:
        explore(&graph, start, False)
        sweep_between(&graph, start, items_of(<PyObject *>wanted), len(wanted), start_seed)
        for i in range(len(wanted)):
            found[i] = slope_in(&graph, items_of(<PyObject *>wanted)[i])
        return found
    finally:
        forget(&graph)


cdef inline double slope_in(Graph *graph, PyObject *x) noexcept:
    """The gradient with respect to x that a sweep found: 0 where it did not come by."""
    return graph.cotangents[(<Value>x).slot] + 0.0 if is_seen(graph, x) else 0.0


cdef int sweep_between(Graph *graph, Value root, PyObject **xs, size_t n, double seed) except -1:
    """The sweep from the root to `xs`: only what lies between them counts."""
    cdef uint8_t *within = NULL
    of_one_moment(graph)
    try:
        if not lead_from_all_ends(graph, xs, n):
            within = between(graph, xs, n)
        sweep(graph, root, seed, within)
    finally:
        PyMem_Free(within)
    number_again(graph)
    return 0


cdef bint lead_from_all_ends(Graph *graph, PyObject **xs, size_t n) noexcept:
    """Whether all ends of the graph are among `xs`, and so everything lies between these and the root."""
    cdef size_t i, n_found = 0
    cdef PyObject *x
    for i in range(n):
        x = xs[i]
        if not is_seen(graph, x) or graph.cotangents[(<Value>x).slot] == 1.0:
            continue
        if (<Value>x).op == LEAF or (<Value>x).flags & (CONSTANT1 | CONSTANT2) == CONSTANT1 | CONSTANT2:
            graph.cotangents[(<Value>x).slot] = 1.0  # for the moment: counted
            n_found += 1
    for i in range(n):
        if is_seen(graph, xs[i]):
            graph.cotangents[(<Value>xs[i]).slot] = -0.0
    return n_found == graph.n_ends


cdef uint8_t *between(Graph *graph, PyObject **xs, size_t n) except NULL:
    """For each Value, by slot, whether it is computed from one of `xs`, or is one. The caller frees it."""
    cdef size_t i, k
    cdef uint8_t leads
    cdef PyObject *x
    cdef uint8_t *within = <uint8_t *>reallocated(NULL, graph.n_seen)
    if within == NULL:
        raise MemoryError()
    memset(within, 0, graph.n_seen)
    for i in range(n):
        if is_seen(graph, xs[i]):
            within[(<Value>xs[i]).slot] = 1
    for i in range(graph.n):
        x = graph.order[i]
        if (<Value>x).op == LEAF or within[(<Value>x).slot]:
            continue
        leads = 0
        if (<Value>x).flags & MANY:
            for k in range((<Value>x).b.count):
                if (<Value>x).a.many[k].value:
                    leads |= within[(<Value>(<Value>x).a.many[k].value).slot]
        else:
            if not (<Value>x).flags & CONSTANT1:
                leads |= within[(<Value>(<Value>x).a.value).slot]
            if not (<Value>x).flags & CONSTANT2:
                leads |= within[(<Value>(<Value>x).b.value).slot]
        within[(<Value>x).slot] = leads
    return within


def at_floats(f, tuple args, dict taken_by):
    """The value of f at n floats and its slopes by them, in the ordinary case, without a call of Python but that of f.

    taken_by: the variables of all derivatives that are being taken; see `transforms`. Returns a pair: the value, and the n
    slopes, or the one slope. If the result depends on more than the n variables that were made, or is no Value: these variables and the
    result, in a list, to be gone on with. None if nothing was done, because the arguments are no floats or the thread
    does something else than record.
    """
    if modes or not args:
        return None
    for arg in args:
        if not PyFloat_CheckExact(arg):
            return None
    cdef tuple variables = tuple_of(len(args), NULL, <PyObject *>args)
    key = <size_t><void *>variables  # as id() gives it
    taken_by[key] = variables
    try:
        y = PyObject_Call(f, variables, NULL)
        slopes = slopes_of(<Value>y, variables) if type(y) is Value else None
    finally:
        del taken_by[key]
    if slopes is None:
        return [list(variables), y]
    return (<Value>y).value, slopes if len(variables) > 1 else (<tuple>slopes)[0]


cdef object slopes_of(Value y, tuple variables):
    """d y / d variable for each; None if y depends on anything else, too."""
    cdef Graph graph
    cdef PyObject **items = items_of(<PyObject *>variables)
    try:
        explore(&graph, y, False)
        if graph.n_leaves or not lead_from_all_ends(&graph, items, len(variables)):
            return None
        sweep(&graph, y, 1.0, NULL)
        return tuple_of(len(variables), &graph, <PyObject *>variables)
    finally:
        forget(&graph)


cdef tuple tuple_of(size_t n, Graph *graph, PyObject *given):
    """n variables for the floats given, or where there is a graph, their slopes for the variables given."""
    cdef PyObject **items = items_of(given)
    cdef tuple found = owned(new_tuple(n))  # may run anything, as the collector does
    cdef PyObject *part
    cdef size_t i
    if graph != NULL:
        number_again(graph)
    for i in range(n):
        if graph == NULL:
            part = begun(OP_identity, CONSTANT1 | CONSTANT2, float_of(items[i]))
            give_arguments(part, CONSTANT1 | CONSTANT2, NULL, NULL, float_of(items[i]), 0.0)
        else:
            part = new_float(slope_in(graph, items[i]))
        put_item(<PyObject *>found, i, part)
    return found


# ---------------------------------------------------------------- many at once


def zero_grad(values):
    """Clear the gradients of `values`, as before a new backward(): `grad` is 0.0 and `has_grad` False again."""
    if not hasattr(values, "__iter__") and type(values) is not Value:
        raise TypeError(not_values(values))
    for value in [values] if type(values) is Value else values:
        if type(value) is not Value:
            raise TypeError(f"zero_grad: takes Values, as in zero_grad([x, y]), got {value!r}")
        (<Value>value).flags &= ~HAS_GRAD


cdef bint doubles(object array, Py_buffer *view, size_t n, int more) noexcept:
    """Whether `array` gives access to n doubles, through `view` from now on."""
    try:
        PyObject_GetBuffer(array, view, PyBUF_FORMAT | PyBUF_ND | more)
    except (BufferError, TypeError, ValueError):
        return False
    if view.ndim == 1 and <size_t>view.shape[0] == n and strcmp(view.format, b"d") == 0:
        return True
    PyBuffer_Release(view)
    return False


def read(values, field, out=None):
    """The `"data"` or the `"grad"` of n Values as a NumPy array of n floats, written into `out` if that is given."""
    cdef Py_buffer view
    cdef double *numbers_
    cdef PyObject **items
    cdef size_t i, n
    cdef bint grad = field == "grad"
    if modes and not grad:
        watch("data")
    if out is None:
        import numpy
        if type(values) is not list:
            check_values("read", values)
        out = numpy.empty(len(values))
    if type(values) is not list or field not in ("data", "grad") or not doubles(out, &view, len(values), PyBUF_WRITABLE):
        return reference_read(values, field, out)
    numbers_ = <double *>view.buf
    items, n = items_of(<PyObject *>values), len(values)
    try:
        still_fits("read", n, &view)
        all_values("read", items, n)
        for i in range(n):
            if not grad:
                numbers_[i] = (<Value>items[i]).value
            else:
                numbers_[i] = (<Value>items[i]).slope if (<Value>items[i]).flags & HAS_GRAD else 0.0
    finally:
        PyBuffer_Release(&view)
    return out


cdef int still_fits(str name, size_t n, Py_buffer *view) except -1:
    """Asking for the buffer may have run anything."""
    if <size_t>view.shape[0] != n:
        raise RuntimeError(f"{name}: the list of Values has changed meanwhile")
    return 0


cdef int all_values(str name, PyObject **items, size_t n) except -1:
    cdef size_t i
    for i in range(n):
        if not is_value(items[i]):
            raise TypeError(f"{name}: takes Values, got {<object>items[i]!r:.200}")
    return 0


def write(values, field, numbers):
    """Set the `"data"` or the `"grad"` of n Values to n numbers, all of them or, on an error, none."""
    cdef Py_buffer view
    cdef double *numbers_
    cdef PyObject **items
    cdef size_t i, n
    cdef bint grad = field == "grad"
    if type(values) is not list or field not in ("data", "grad") or not doubles(numbers, &view, len(values), 0):
        return reference_write(change, values, field, numbers)
    numbers_ = <double *>view.buf
    items, n = items_of(<PyObject *>values), len(values)
    try:
        still_fits("write", n, &view)
        all_values("write", items, n)
        if grad:
            for i in range(n):
                (<Value>items[i]).slope = numbers_[i]
                (<Value>items[i]).flags |= HAS_GRAD
            return
        if modes:
            watch("set", None)
        for i in range(n):
            if (<Value>items[i]).op != LEAF:
                (<object>items[i]).data = 0.0  # raises the error that says why not
            if numbers_[i] != numbers_[i] and (<Value>items[i]).value == (<Value>items[i]).value:
                diverged(<object>items[i], (<Value>items[i]).value, (<object>items[i])._grad)
        tick()
        for i in range(n):
            if not is_same((<Value>items[i]).value, numbers_[i]):
                (<Value>items[i]).value = numbers_[i]
                if active == NULL:
                    (<Value>items[i]).slot = now
                else:
                    set_moment(items[i], now)
    finally:
        PyBuffer_Release(&view)


def one_by_one(primitive, const double[::1] x, double[::1] out):
    """out = the values of a row of one argument, element by element."""
    cdef int op = primitive.opcode
    cdef Py_ssize_t i, n = len(x)
    if not 0 < op < N_RULES or ARITY[op] != 1 or len(out) != n:
        raise ValueError(f"one_by_one: takes a built-in row of one argument and arrays of one size, got {primitive!r}")
    with nogil:
        for i in range(n):
            out[i] = rule_value(op, x[i], 0.0)


VALUES.add(Value)
primitive_module.one_by_one = one_by_one


def unwind(nodes):
    """n Values as plain data: what each was made of. See the reference engine."""
    import numpy

    if type(nodes) is not list:
        check_values("unwind", nodes)
        nodes = list(nodes)
    all_values("unwind", items_of(<PyObject *>nodes), len(nodes))
    cdef size_t n = len(nodes), total = 0, i, k, count
    cdef PyObject **items = items_of(<PyObject *>nodes)
    cdef PyObject *x
    cdef PyObject *a
    cdef PyObject *b
    cdef list primitives = [], others = [], constants = [], kept = []
    cdef uint32_t[::1] moments
    for i in range(n):
        x = items[i]
        total += (<Value>x).b.count if (<Value>x).flags & MANY else 2
    op, start, args = numpy.empty(n, numpy.int64), numpy.empty(n + 1, numpy.int64), numpy.empty(total, numpy.int64)
    cdef int64_t[::1] ops = op, starts = start, arguments = args
    cdef int64_t[::1] places = numpy.full(len(ROWS), -1, numpy.int64)
    cdef int64_t at = 0
    cdef uint16_t row
    global turns
    moments = numpy.empty(n, numpy.uint32)
    for i in range(n):  # from here on nothing runs Python code, which could give slots to other Values
        moments[i] = moment_of(active, items[i])
    for i in range(n):
        (<Value>items[i]).slot = <uint32_t>i
    starts[0] = 0
    try:
        for i in range(n):
            x = items[i]
            row = (<Value>x).op
            if row == LEAF:
                ops[i] = -1
            else:
                if places[row] < 0:
                    places[row] = len(primitives)
                    primitives.append(ROWS[row])
                ops[i] = places[row]
                if (<Value>x).flags & MANY:
                    for k in range((<Value>x).b.count):
                        arguments[at + k] = number_in(
                            (<Value>x).a.many[k].value, (<Value>x).a.many[k].constant, items, n, others, kept, constants
                        )
                    at += (<Value>x).b.count
                else:
                    a = NULL if (<Value>x).flags & CONSTANT1 else (<Value>x).a.value
                    b = NULL if (<Value>x).flags & CONSTANT2 else (<Value>x).b.value
                    arguments[at] = number_in(a, (<Value>x).a.constant, items, n, others, kept, constants)
                    at += 1
                    if ARITY[row] == 2:
                        arguments[at] = number_in(b, (<Value>x).b.constant, items, n, others, kept, constants)
                        at += 1
            starts[i + 1] = at
    finally:
        for i in range(n):
            (<Value>items[i]).slot = moments[i]
        for value, moment in zip(others, kept):
            (<Value>value).slot = moment
        turns += 1  # a sweep that is under way takes its slots back
    return primitives, op, start, args[:at].copy(), others, numpy.asarray(constants, dtype=float)


def held_elsewhere(nodes, const int64_t[::1] uses):
    """The first place in `nodes` of a Value that somebody else holds a reference to, -1 if there is none."""
    if type(nodes) is not list:
        raise TypeError(f"held_elsewhere: takes a list of Values, got {nodes!r:.200}")
    all_values("held_elsewhere", items_of(<PyObject *>nodes), len(nodes))
    if len(uses) != len(nodes):
        raise ValueError(f"held_elsewhere: expected {len(nodes)} counts, one per Value, got {len(uses)}")
    cdef PyObject **items = items_of(<PyObject *>nodes)
    cdef size_t i
    for i in range(<size_t>len(nodes)):
        if items[i].ob_refcnt > 1 + uses[i]:
            return i
    return -1


cdef int64_t number_in(
    PyObject *x, double constant, PyObject **items, size_t n, list others, list moments, list constants
):
    """How `unwind` tells of an argument: a Value by its place, put after the others if need be; NULL is a constant."""
    cdef size_t slot
    if x == NULL:
        constants.append(constant)
        return -<int64_t>len(constants)
    slot = (<Value>x).slot
    if slot < n:
        if items[slot] == x:
            return slot
    elif slot - n < <size_t>len(others) and <PyObject *>others[slot - n] == x:
        return slot
    moments.append(moment_of(active, x))
    (<Value>x).slot = <uint32_t>(n + len(others))
    others.append(<object>x)
    return (<Value>x).slot


# ---------------------------------------------------------------- straight-line code

def follow_straight(
    const uint8_t[::1] op, const int32_t[::1] first, const int32_t[::1] second, const int64_t[::1] start,
    const int32_t[::1] args, double[::1] values, size_t n_leaves, size_t first_input, const double[:, ::1] rows,
    const int32_t[:, ::1] guards, size_t end, uint8_t[::1] found,
):
    """For each example, a row, whether the guards of a record come out as they did: 1 or 0; 2 if C cannot tell.

    op: rows by their number here. first, second: the arguments of those that have no list of them. values: of all nodes,
    with those of constants and parameters in it. guards: rows of how many operations come before it, which comparison,
    of which two nodes, and the outcome. end: how many operations are asked for a value at least.
    """
    cdef size_t i, j, k, n = rows.shape[0], width = rows.shape[1], n_guards = guards.shape[0]
    cdef int o
    cdef double y, x1, x2
    cdef double *v = &values[0]
    cdef bint holds
    for i in range(n):
        for j in range(width):
            v[first_input + j] = rows[i, j]
        found[i] = 1
        k = 0
        for j in range(n_guards + 1):
            while k < (<size_t>guards[j, 0] if j < n_guards else end):
                o, x1, x2 = op[k], v[first[k]], v[second[k]]
                if ARITY[o] == 1 or ARITY[o] == 2:
                    y = rule_value(o, x1, x2)
                else:
                    y = value_of_many(o, &args[start[k]], start[k + 1] - start[k], v)
                if not isfinite(y):
                    found[i] = 2
                    break
                v[n_leaves + k] = y
                k += 1
            if found[i] == 2 or j == n_guards:
                break
            x1, x2 = v[guards[j, 2]], v[guards[j, 3]]
            if guards[j, 1] == 0:
                holds = x1 < x2
            elif guards[j, 1] == 1:
                holds = x1 <= x2
            elif guards[j, 1] == 2:
                holds = x1 > x2
            elif guards[j, 1] == 3:
                holds = x1 >= x2
            elif guards[j, 1] == 4:
                holds = x1 == x2
            else:
                holds = x1 != x2
            if holds != guards[j, 4]:
                found[i] = 0
                break


cdef double value_of_many(int op, const int32_t *a, size_t n, const double *v) noexcept:
    cdef size_t i, place = 0
    cdef double y = 0.0, largest
    cdef double short[8]
    if op == OP_sum or op == OP_mean:
        for i in range(n):
            y += v[a[i]]
        return y / n if op == OP_mean else y
    if op == OP_dot:
        for i in range(n // 2):
            y += v[a[i]] * v[a[n // 2 + i]]
        return y
    if op == OP_logsumexp:
        largest = v[a[0]]
        for i in range(1, n):
            if v[a[i]] > largest:
                largest, place = v[a[i]], i
        for i in range(n):
            if i != place:
                y += exp(v[a[i]] - largest)
        return largest + log1p(y)
    for i in range(n):
        short[i] = v[a[i]]
    return rule_value_of_many(op, short)
