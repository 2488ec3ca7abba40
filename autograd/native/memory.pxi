# Where nodes come from and where they go: pages, and giving back without recursion.

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


if value_type.tp_basicsize != NODE or value_type.tp_weaklistoffset != WEAK_REFERENCES:
    raise ImportError("the native engine is for machines of 64 bits")
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


value_type.tp_vectorcall = <vectorcallfunc>leaf_from
