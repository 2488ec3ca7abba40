/* Memory for nodes: pages of 63, each given out in the order of its addresses.

A sweep over a large graph waits for memory, and memory is quick where it is read in order: nodes that are made one
after the other have to lie side by side. A stack of those given back, which is what Python's own allocator keeps, hands
them out in the order in which a graph falls apart; after some thirty steps of training no two neighbours are left. A
page knows which of its nodes are free, a bit each, so it forgets in which order they came back. */

#include <stdint.h>

#define NODE 64
#define PAGE 4096
#define ALL_FREE (~(uint64_t)1) /* bit 0 is the page's own place */
#define PAGES 255               /* of an arena: what a megabyte holds for sure, from the first multiple of PAGE on */
#define ARENA ((size_t)1 << 20)
#define SPARE_ARENAS 16 /* that are kept when all in them is free: a training loop builds a like graph each time */

/* Have memory brought nearer that will soon be read. */
static inline void fetch(const void *x) {
#if defined(__GNUC__)
    __builtin_prefetch(x);
#endif
    (void)x;
}

/* The same for what is somewhat older than a node: its arguments are likely to be there. */
static inline void fetch_older(const void *x) { fetch((const char *)x - 8 * NODE); }

typedef struct Arena {
    void *memory;
    size_t n_free; /* pages that are free as a whole */
} Arena;

typedef struct Page { /* at the start of each page */
    uint64_t free;    /* nodes that came back, and are not being given out */
    struct Page *next, *previous; /* while any is free, among the pages that can be opened */
    Arena *arena;
} Page;

static Page *open_page = NULL;  /* the one that nodes come from */
static uint64_t left_there = 0; /* those of its nodes that are still to be given out */
static Page *usable_pages = NULL;
static size_t n_spare_arenas = 0;

static void put_in_front(Page *page) {
    page->previous = NULL;
    page->next = usable_pages;
    if (usable_pages) usable_pages->previous = page;
    usable_pages = page;
}

static void take_out(Page *page) {
    if (page->next) page->next->previous = page->previous;
    if (page->previous) page->previous->next = page->next;
    else usable_pages = page->next;
}

static Page *page_of(Arena *arena, size_t i) {
    return (Page *)((((uintptr_t)arena->memory + PAGE - 1) & ~(uintptr_t)(PAGE - 1)) + i * PAGE);
}

static int new_arena(void) {
    PyObjectArenaAllocator source;
    Arena *arena = (Arena *)PyMem_Malloc(sizeof(Arena));
    if (!arena) return 0;
    PyObject_GetArenaAllocator(&source);
    arena->memory = source.alloc(source.ctx, ARENA);
    if (!arena->memory) {
        PyMem_Free(arena);
        return 0;
    }
    arena->n_free = PAGES;
    n_spare_arenas++;
    for (size_t i = PAGES; i--;) { /* so that the first comes to lie in front */
        Page *page = page_of(arena, i);
        page->free = ALL_FREE;
        page->arena = arena;
        put_in_front(page);
    }
    return 1;
}

static void give_up(Arena *arena) {
    PyObjectArenaAllocator source;
    for (size_t i = 0; i < PAGES; i++) take_out(page_of(arena, i));
    PyObject_GetArenaAllocator(&source);
    source.free(source.ctx, arena->memory, ARENA);
    PyMem_Free(arena);
    n_spare_arenas--;
}

/* Give up all arenas in which nothing lives. Whether there was one. */
static int give_up_spare_arenas(void) {
    int any = 0;
    Page *page = usable_pages;
    while (page) {
        if (page->arena->n_free == PAGES) {
            give_up(page->arena);
            any = 1;
            page = usable_pages; /* the next one may be gone, too */
        } else {
            page = page->next;
        }
    }
    return any;
}

static int next_page(void) {
    if (!usable_pages && !new_arena()) return 0;
    open_page = usable_pages;
    take_out(open_page);
    left_there = open_page->free;
    open_page->free = 0;
    fetch(usable_pages);
    if (left_there == ALL_FREE && open_page->arena->n_free-- == PAGES) n_spare_arenas--;
    return 1;
}

static void page_is_free(Page *page) {
    if (++page->arena->n_free == PAGES && ++n_spare_arenas > SPARE_ARENAS) give_up(page->arena);
}

#if defined(_MSC_VER)
#include <intrin.h>
static inline unsigned lowest(uint64_t bits) {
    unsigned long i;
    _BitScanForward64(&i, bits);
    return (unsigned)i;
}
#else
static inline unsigned lowest(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
#endif

#if defined(__SANITIZE_ADDRESS__) /* which then sees each access to a node that is gone */
static inline void *take_node(void) { return PyMem_Calloc(1, NODE); }
static inline void put_node(void *x) { PyMem_Free(x); }
#else
/* Memory for a node; NULL if there is none. */
static inline void *take_node(void) {
    if (!left_there && !next_page()) return NULL;
    void *x = (char *)open_page + NODE * lowest(left_there);
    left_there &= left_there - 1;
    return x;
}

static inline void put_node(void *x) {
    Page *page = (Page *)((uintptr_t)x & ~(uintptr_t)(PAGE - 1));
    const uint64_t before = page->free, after = before | (uint64_t)1 << ((uintptr_t)x % PAGE / NODE);
    page->free = after;
    if (!before) put_in_front(page);
    else if (after == ALL_FREE) page_is_free(page);
}
#endif

/* A node that is an object of this type with one reference, the rest of it as it was. NULL if there is no memory. */
static inline PyObject *new_node(PyTypeObject *type) {
    PyObject *x = (PyObject *)take_node();
    if (!x) return NULL;
#if defined(Py_REF_DEBUG) || defined(Py_GIL_DISABLED)
    return PyObject_Init(x, type);
#else
    Py_SET_TYPE(x, type);
    Py_SET_REFCNT(x, 1);
    return x;
#endif
}

/* For Cython, to which this returns a reference that the caller had. */
static inline PyObject *owned(PyObject *x) { return x; }
