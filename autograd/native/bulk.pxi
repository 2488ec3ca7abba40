# Many Values at once: arrays of numbers in and out, and graphs as plain data. See autograd/bulk.py.

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
