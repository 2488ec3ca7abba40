# The doors to exploration and sweep, but for `Value.backward`.

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
