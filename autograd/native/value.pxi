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
