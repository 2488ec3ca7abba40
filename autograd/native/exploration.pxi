# What a root was computed from, arguments before results.

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
