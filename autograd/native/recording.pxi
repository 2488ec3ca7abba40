# New nodes: operators, rows and lists of arguments.

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
