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
from libc.math cimport INFINITY, exp, fmax, isfinite, log1p, signbit, sqrt
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
from autograd.primitive import TABLE
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
    void new_reference "_Py_NewReference" (PyObject *)
    PyObject **items_of "PySequence_Fast_ITEMS" (PyObject *)
    bint is_float "PyFloat_CheckExact" (PyObject *)
    double float_of "PyFloat_AS_DOUBLE" (PyObject *)
    ctypedef void (*destructor)(PyObject *) noexcept
    ctypedef struct PyTypeObject:
        destructor tp_dealloc
        destructor tp_free
        Py_ssize_t tp_weaklistoffset

cdef extern from "_rules.h":
    enum:
        OP_add, OP_sub, OP_mul, OP_div, OP_pow, OP_neg, OP_abs, OP_exp, OP_log, OP_log1p, OP_expm1, OP_sqrt
        OP_sin, OP_cos, OP_tan, OP_asin, OP_acos, OP_atan, OP_sinh, OP_cosh, OP_tanh, OP_sigmoid, OP_softplus, OP_relu
        OP_gelu, OP_silu, OP_erf, OP_sign, OP_step, OP_floordiv, OP_mod, OP_sum, OP_mean, OP_dot, OP_logsumexp, N_RULES
    const unsigned long RULES_FINGERPRINT
    double rule_value(int op, double x1, double x2) nogil
    double rule_partial1(int op, double x1, double x2, double y) nogil
    double rule_partial2(int op, double x1, double x2, double y) nogil
    double rule_value_of_many(int op, const double *x) nogil
    double rule_partial_of_many(int op, int i, const double *x, double y) nogil

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


@cython.final
@cython.no_gc
cdef class Value:
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
        change(self, PyFloat_AS_DOUBLE(data) if PyFloat_CheckExact(data) else number(data, "data"))

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
        cdef double start = seed_number(seed)
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

    def exp(self):
        """As `autograd.exp`."""
        return unary(OP_exp, self)

    def log(self):
        """As `autograd.log`."""
        return unary(OP_log, self)

    def log1p(self):
        """As `autograd.log1p`."""
        return unary(OP_log1p, self)

    def expm1(self):
        """As `autograd.expm1`."""
        return unary(OP_expm1, self)

    def sqrt(self):
        """As `autograd.sqrt`."""
        return unary(OP_sqrt, self)

    def sin(self):
        """As `autograd.sin`."""
        return unary(OP_sin, self)

    def cos(self):
        """As `autograd.cos`."""
        return unary(OP_cos, self)

    def tan(self):
        """As `autograd.tan`."""
        return unary(OP_tan, self)

    def asin(self):
        """As `autograd.asin`."""
        return unary(OP_asin, self)

    def arcsin(self):
        """As `autograd.asin`."""
        return unary(OP_asin, self)

    def acos(self):
        """As `autograd.acos`."""
        return unary(OP_acos, self)

    def arccos(self):
        """As `autograd.acos`."""
        return unary(OP_acos, self)

    def atan(self):
        """As `autograd.atan`."""
        return unary(OP_atan, self)

    def arctan(self):
        """As `autograd.atan`."""
        return unary(OP_atan, self)

    def sinh(self):
        """As `autograd.sinh`."""
        return unary(OP_sinh, self)

    def cosh(self):
        """As `autograd.cosh`."""
        return unary(OP_cosh, self)

    def tanh(self):
        """As `autograd.tanh`."""
        return unary(OP_tanh, self)

    def sigmoid(self):
        """As `autograd.sigmoid`."""
        return unary(OP_sigmoid, self)

    def softplus(self):
        """As `autograd.softplus`."""
        return unary(OP_softplus, self)

    def relu(self):
        """As `autograd.relu`."""
        return unary(OP_relu, self)

    def gelu(self):
        """As `autograd.gelu`."""
        return unary(OP_gelu, self)

    def silu(self):
        """As `autograd.silu`."""
        return unary(OP_silu, self)

    def erf(self):
        """As `autograd.erf`."""
        return unary(OP_erf, self)

    def abs(self):
        """As `autograd.abs`."""
        return unary(OP_abs, self)

    def sign(self):
        """As `autograd.sign`."""
        return unary(OP_sign, self)

    def step(self):
        """As `autograd.step`."""
        return unary(OP_step, self)

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
    if is_same(leaf.value, data):
        return
    if data != data and leaf.value == leaf.value:
        diverged(leaf, leaf.value, leaf._grad)
    tick()
    leaf.value = data
    set_moment(<PyObject *>leaf, now)


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


# Nodes come and go by the ten thousand, so those given back are kept for the next graph.
DEF SPARE_NODES = 1 << 16
cdef PyObject *spare_nodes[SPARE_NODES]
cdef size_t n_spare_nodes = 0
cdef PyTypeObject *value_type = <PyTypeObject *>Value
cdef destructor deallocate_with_care = value_type.tp_dealloc


cdef void deallocate(PyObject *x) noexcept:
    """What Cython made of `__dealloc__`, for the many nodes that nothing else knows of: no label, no weak reference."""
    global n_spare_nodes
    if (<Value>x).flags & LABELLED or (<PyObject **>(<char *>x + value_type.tp_weaklistoffset))[0] != NULL:
        deallocate_with_care(x)
        return
    give_back(x)
    if n_spare_nodes == SPARE_NODES:
        value_type.tp_free(x)
        return
    spare_nodes[n_spare_nodes] = x
    n_spare_nodes += 1


value_type.tp_dealloc = deallocate


cdef void *reallocated(void *memory, size_t size) noexcept:
    """Memory, larger than before; if there is none, the nodes that are kept are given up for it. NULL if even so."""
    global n_spare_nodes
    cdef void *found = PyMem_Realloc(memory, size)
    if found == NULL and n_spare_nodes:
        while n_spare_nodes:
            n_spare_nodes -= 1
            value_type.tp_free(spare_nodes[n_spare_nodes])
        found = PyMem_Realloc(memory, size)
    return found


cdef inline Value fresh():
    """A new Value, a leaf, whose numbers are still to be set."""
    global n_spare_nodes, computed
    cdef PyObject *x
    if n_spare_nodes == 0:
        return fresh_memory()
    n_spare_nodes -= 1
    x = spare_nodes[n_spare_nodes]
    new_reference(x)
    cdef Value v = <Value>x
    decref(x)  # `v` holds it now
    v.op, v.flags = LEAF, 0
    v.slot = now
    computed = True
    return v


cdef Value fresh_memory():
    global computed
    cdef Value v = Value.__new__(Value)
    v.slot = now
    computed = True
    return v


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
    leaf = fresh()
    leaf.value = v.value
    return leaf


cdef inline Value node(int op, uint8_t flags, object x1, object x2, double p, double q):
    """A new node with one or two arguments, p and q as numbers."""
    cdef double y = rule_value(op, p, q)
    cdef Value v
    if not isfinite(y):  # an error, a user's own row, or really infinite: Python knows
        y = evaluate(ROWS[op], (x1, x2)[: ARITY[op]], (p, q)[: ARITY[op]])
    v = fresh()
    v.value = y
    v.op, v.flags = op, flags
    if op >= N_RULES:
        hold_row(op)
    if flags & CONSTANT1:
        v.a.constant = p
    else:
        incref(<PyObject *>x1)  # owned by v from here on
        v.a.value = <PyObject *>x1
    if flags & CONSTANT2:
        v.b.constant = q
    else:
        incref(<PyObject *>x2)  # as above
        v.b.value = <PyObject *>x2
    return noted(v) if modes else v


cdef Value unary(int op, Value x):
    return node(op, CONSTANT2, x, None, x.value, 0.0)


cdef object binary(int op, object x1, object x2):
    if type(x1) is Value:
        if type(x2) is Value:
            return node(op, 0, x1, x2, (<Value>x1).value, (<Value>x2).value)
        if PyFloat_CheckExact(x2):
            return node(op, CONSTANT2, x1, x2, (<Value>x1).value, PyFloat_AS_DOUBLE(x2))
    elif PyFloat_CheckExact(x1):
        return node(op, CONSTANT1, x1, x2, PyFloat_AS_DOUBLE(x1), (<Value>x2).value)
    # Some other kind of number on one side.
    for x in (x1, x2):
        if type(x) is not Value and not isinstance(x, (float, int, numbers.Real)):
            return NotImplemented  # Python then asks the other side, or raises TypeError
    if op == OP_add and type(x1) is int and x1 == 0:
        return x2  # the 0 that the built-in sum() starts from
    if type(x1) is Value:
        return binary(op, x1, float(x2))
    return binary(op, float(x1), x2)


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
    cdef Value v = fresh()
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
    cdef size_t i, n = v.b.count, half = n // 2, place = 0
    cdef Argument *x = v.a.many
    cdef double y = 0.0, largest
    cdef double short[8]
    if op == OP_sum or op == OP_mean:
        for i in range(n):
            y += x[i].constant
        y = y / n if op == OP_mean else y
    elif op == OP_dot:
        for i in range(half):
            y += x[i].constant * x[half + i].constant
    elif op == OP_logsumexp and n:
        largest = x[0].constant
        for i in range(1, n):
            if x[i].constant > largest:
                largest = x[i].constant
                place = i
        for i in range(n):
            if i != place:
                y += exp(x[i].constant - largest)
        y = largest + log1p(y)
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
    v = fresh()
    v.op, v.flags = op, CONSTANT1 | CONSTANT2
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


def shortcut(primitive, tuple args):
    """`primitive(*args)` for the ordinary case, Values and floats; NotImplemented for all others."""
    cdef int op = primitive.opcode
    cdef size_t n = len(args)
    cdef bint found = False
    if op < 0:
        return NotImplemented
    if op == OP_sum or op == OP_mean or op == OP_logsumexp or op == OP_dot:
        return of_lists(op, args)
    if n != ARITY[op] or n > 2:
        return NotImplemented
    if n == 1:
        return unary(op, <Value>args[0]) if type(args[0]) is Value else NotImplemented
    for arg in args:
        if type(arg) is Value:
            found = True
        elif not PyFloat_CheckExact(arg):
            return NotImplemented
    return binary(op, args[0], args[1]) if found else NotImplemented


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
    size_t n, n_seen, room, n_stack, stack_room
    size_t turn         # which exploration this is, of all
    bint old            # whether a leaf was changed since one of the Values was computed
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


cdef inline void see(Graph *graph, PyObject *x) noexcept:
    graph.seen[graph.n_seen] = x
    graph.cotangents[graph.n_seen] = -0.0
    graph.moments[graph.n_seen] = (<Value>x).slot if graph.outer == NULL else moment_of(graph.outer, x)
    (<Value>x).slot = <uint32_t>graph.n_seen
    graph.n_seen += 1


cdef inline void visit(Graph *graph, PyObject *x) noexcept:
    """Look at an argument: a leaf is in order at once, a node has to wait for its own arguments. There is room for it."""
    if is_seen(graph, x):
        return
    if (<Value>x).op == LEAF or ((<Value>x).flags & MANY and (<Value>x).b.count == 0):
        see(graph, x)
        if graph.with_leaves:
            graph.order[graph.n] = x
            graph.n += 1
    else:
        graph.stack[graph.n_stack] = <size_t>x
        graph.n_stack += 1


cdef void visit_many(Graph *graph, Argument *args, size_t count) noexcept:
    """`visit` for each argument that is a Value. The counters live in registers: most arguments of a dot are leaves."""
    cdef PyObject **seen = graph.seen
    cdef PyObject **order = graph.order
    cdef double *cotangents = graph.cotangents
    cdef uint32_t *moments = graph.moments
    cdef bint with_leaves = graph.with_leaves
    cdef size_t i, slot, n = graph.n, n_seen = graph.n_seen
    cdef PyObject *x
    for i in range(count):
        x = args[i].value
        if x == NULL:
            continue
        slot = (<Value>x).slot
        if slot < n_seen and seen[slot] == x:
            continue
        if (<Value>x).op != LEAF and not ((<Value>x).flags & MANY and (<Value>x).b.count == 0):
            graph.stack[graph.n_stack] = <size_t>x
            graph.n_stack += 1
            continue
        seen[n_seen] = x
        cotangents[n_seen] = -0.0
        moments[n_seen] = <uint32_t>slot if graph.outer == NULL else moment_of(graph.outer, x)
        (<Value>x).slot = <uint32_t>n_seen
        n_seen += 1
        if with_leaves:
            order[n] = x
            n += 1
    graph.n, graph.n_seen = n, n_seen


cdef int explore(Graph *graph, Value root, bint with_leaves) except -1:
    """Fill `graph.order`, exactly as the reference engine's `topological` does, with or without the leaves."""
    global turns, active
    cdef size_t top, i, n_args, steps = 0
    cdef PyObject *x
    memcpy(graph, &spare, sizeof(spare))
    memset(&spare, 0, sizeof(spare))
    turns += 1
    graph.turn = turns
    graph.with_leaves = with_leaves
    graph.n = graph.n_seen = 0
    graph.old = False
    graph.outer = active
    active = graph
    if graph.stack_room == 0:
        make_stack_room(graph, 1)
    graph.stack[0] = <size_t><PyObject *>root
    graph.n_stack = 1
    while graph.n_stack:
        top = graph.stack[graph.n_stack - 1]
        x = <PyObject *>(top & ~<size_t>1)
        if top & 1:
            graph.n_stack -= 1
            graph.order[graph.n] = x
            graph.n += 1
            continue
        if is_seen(graph, x):
            graph.n_stack -= 1
            continue
        n_args = (<Value>x).b.count if (<Value>x).flags & MANY else 2
        if graph.n_seen + n_args + 1 > graph.room:
            make_room(graph, graph.n_seen + n_args + 1)
        if graph.n_stack + n_args > graph.stack_room:
            make_stack_room(graph, graph.n_stack + n_args)
        steps += 1
        if steps & 0xFFFF == 0:
            let_signals_through(graph)
        see(graph, x)
        graph.stack[graph.n_stack - 1] |= 1
        if (<Value>x).op == LEAF:
            continue
        if graph.moments[graph.n_seen - 1] != now:
            graph.old = True
        if (<Value>x).flags & MANY:
            visit_many(graph, (<Value>x).a.many, n_args)
        else:
            if not (<Value>x).flags & CONSTANT1:
                visit(graph, (<Value>x).a.value)
            if not (<Value>x).flags & CONSTANT2:
                visit(graph, (<Value>x).b.value)
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
    cdef size_t i
    cdef bint found = False
    try:
        pass_on(graph, root, seed, within)
    except (ArithmeticError, ValueError):
        for i in range(graph.n_seen):
            found = found or graph.cotangents[i] != graph.cotangents[i]
        if found:  # it came first, and the reference engine would have said so then
            explain(graph, root, seed, within)
        raise
    for i in range(graph.n_seen):
        if graph.cotangents[i] != graph.cotangents[i]:
            explain(graph, root, seed, within)
            break
    return 0


cdef int pass_on(Graph *graph, Value root, double seed, const uint8_t *within) except -1:
    cdef size_t i = graph.n
    cdef int op
    cdef uint8_t flags
    cdef double c, x1, x2, y, p
    cdef PyObject *x
    cdef PyObject *a
    cdef PyObject *b
    graph.cotangents[root.slot] = seed if seed != 0.0 else -0.0
    while i:
        i -= 1
        if i & 0xFFFF == 0xFFFF:
            let_signals_through(graph)
        x = graph.order[i]
        c = graph.cotangents[(<Value>x).slot]
        if c == 0.0 and signbit(c):
            continue
        op = (<Value>x).op
        flags = (<Value>x).flags
        if op == LEAF:  # the root may be one
            continue
        if flags & MANY:
            sweep_many(graph, x, c, within)
            continue
        a = NULL if flags & CONSTANT1 else (<Value>x).a.value
        b = NULL if flags & CONSTANT2 else (<Value>x).b.value
        x1 = (<Value>a).value if a != NULL else (<Value>x).a.constant
        x2 = (<Value>b).value if b != NULL else (<Value>x).b.constant
        y = (<Value>x).value
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


cdef void shares(double *w, size_t n, double *sums) noexcept nogil:
    """Softmax from n weights, in their place: w / (w + sum of all others), added up as in the table. sums: room for 2n."""
    cdef size_t size = max(<size_t>sqrt(<double>n), <size_t>8), blocks, i, j, k, end
    cdef double rest, outside
    blocks = (n + size - 1) // size
    for k in range(blocks):
        sums[k] = 0.0
        for i in range(k * size, min((k + 1) * size, n)):
            sums[k] += w[i]
    for k in range(blocks):
        end = min((k + 1) * size, n)
        outside = 0.0
        for j in range(blocks):
            if j != k:
                outside += sums[j]
        for i in range(k * size, end):
            rest = 0.0
            for j in range(k * size, end):
                if j != i:
                    rest += w[j]
            rest += outside
            sums[n + i] = w[i] / (w[i] + rest)
    for i in range(n):
        w[i] = sums[n + i]


cdef int sweep_many(Graph *graph, PyObject *node, double c, const uint8_t *within) except -1:
    """The same for one node with an array of arguments."""
    cdef Argument *x = (<Value>node).a.many
    cdef size_t k, n = (<Value>node).b.count, half = n // 2
    cdef int op = (<Value>node).op
    cdef double p = 1.0, largest = 0.0
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
    elif op == OP_logsumexp:  # softmax, from differences to the largest
        largest = number_at(x)
        for k in range(1, n):
            largest = fmax(largest, number_at(x + k))
        weights = short
        if 3 * n > 24:
            weights = <double *>reallocated(NULL, 3 * n * sizeof(double))
            if weights == NULL:
                raise MemoryError
        for k in range(n):
            weights[k] = exp(number_at(x + k) - largest)
        shares(weights, n, weights + n)
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
    cdef size_t i, k, n
    cdef uint8_t *within = NULL
    cdef uint8_t leads
    cdef PyObject *x
    cdef PyObject **items
    cdef list wanted, found
    check_values("gradients", y, one=True)
    cdef Value start = y
    wanted = list(xs) if hasattr(xs, "__iter__") else check_values("gradients", xs)
    all_values("gradients", items_of(<PyObject *>wanted), len(wanted))
    seed = seed_number(seed)
    if recorded:
        order = topological(y)
        reference_of_one_moment(order, now)
        return gradients_along(order, wanted, seed, read_value)
    # From here to the end nothing makes a list or a tuple: the collector would run, and with it perhaps a finalizer.
    found = [0.0] * len(wanted)
    n, items = len(wanted), items_of(<PyObject *>wanted)
    try:
        explore(&graph, start, False)
        of_one_moment(&graph)
        within = <uint8_t *>reallocated(NULL, graph.n_seen)
        if within == NULL:
            raise MemoryError()
        memset(within, 0, graph.n_seen)
        for i in range(n):
            if is_seen(&graph, items[i]):
                within[(<Value>items[i]).slot] = 1
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
        sweep(&graph, start, seed, within)
        number_again(&graph)
        for i in range(n):
            if is_seen(&graph, items[i]):
                found[i] = graph.cotangents[(<Value>items[i]).slot] + 0.0
        return found
    finally:
        PyMem_Free(within)
        forget(&graph)


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
primitive_module.shortcut = shortcut
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
