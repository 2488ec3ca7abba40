# The chain rule, from the root back, over what was explored. See autograd/sweep.py.

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
