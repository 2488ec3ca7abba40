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
