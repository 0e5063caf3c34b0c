/* The way from Python into the library: what Python's functions are made of, without Python's headers.

   fastbp_call has the signature of METH_FASTCALL. What it is bound to is the address of a `function`: which kernel, and a
   plan of its arguments. Along the plan it puts numbers, addresses and shapes into a table of words, lets other threads
   run, and calls the kernel. It reads NumPy's arrays in place; `fastbp.jit.library` finds out first where their fields
   lie, and gives the addresses of what is called of Python. */

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef void object;

/* Of Python's stable interface, in the order of `_PYTHON` in library.py. */
EXPORT struct {
    int64_t (*PyLong_AsLongLong)(object *);
    void *(*PyLong_AsVoidPtr)(object *);
    double (*PyFloat_AsDouble)(object *);
    int64_t (*PyTuple_Size)(object *);
    object *(*PyTuple_GetItem)(object *, int64_t);
    int (*PyType_IsSubtype)(object *, object *);
    int (*PyObject_RichCompareBool)(object *, object *, int);
    object *(*PyErr_Occurred)(void);
    void (*PyErr_Clear)(void);
    void (*PyErr_SetString)(object *, const char *);
    object *(*PyLong_FromLongLong)(int64_t);
    object *(*PyLong_FromUnsignedLongLong)(uint64_t);
    object *(*PyFloat_FromDouble)(double);
    object *(*PyBool_FromLong)(long);
    void *(*PyEval_SaveThread)(void);
    void (*PyEval_RestoreThread)(void *);
    void (*Py_IncRef)(object *);
} fastbp_python;

/* Objects, and offsets in them. */
EXPORT struct {
    object *ndarray, *none, *type_error, *runtime_error;
    int64_t type, array; /* of an object its type; of an array the first of its own fields */
} fastbp_objects;

/* An array's own fields. */
typedef struct {
    char *data;
    int nd;
    int64_t *dimensions;
    int64_t *strides;
    object *base;
    object *descr;
    int flags;
} array;

enum { C_CONTIGUOUS = 0x1, ALIGNED = 0x100 };
enum { WORD, REAL, ARRAY, TUPLE };
enum { NONE, INT, UINT, FLOAT, BOOL };

typedef struct {
    int64_t kind;
    int64_t n;      /* items of a tuple; numbers of a shape that follow an address */
    object *dtype;  /* of an array */
    int64_t ndim;   /* likewise; 0: any */
} step;

typedef struct {
    int32_t (*kernel)(const int64_t *, const int64_t *, int64_t *);
    int64_t result;
    int64_t n_arguments; /* that the plan is for; numbers follow */
    int64_t n_numbers;
    step plan[];
} function;

enum { MOST_WORDS = 128, MOST_NUMBERS = 4 };

#define PYTHON fastbp_python
#define FIELD(type, of, offset) (*(type *)((char *)(of) + (offset)))

static int put_array(step *s, object *value, int64_t **words) {
    object *type = FIELD(object *, value, fastbp_objects.type);
    if (type != fastbp_objects.ndarray && !PYTHON.PyType_IsSubtype(type, fastbp_objects.ndarray)) return 0;
    array *known = &FIELD(array, value, fastbp_objects.array);
    if (known->descr != s->dtype) {
        int same = PYTHON.PyObject_RichCompareBool(known->descr, s->dtype, 2);
        if (same < 0) PYTHON.PyErr_Clear();
        if (same <= 0) return 0;
        PYTHON.Py_IncRef(known->descr); /* the next array's is likely to be this one */
        s->dtype = known->descr;
    }
    if (~known->flags & (C_CONTIGUOUS | ALIGNED)) return 0;
    if (s->ndim && known->nd != s->ndim) return 0;
    int64_t size = 1;
    for (int i = 0; i < known->nd; i++) size *= known->dimensions[i];
    *(*words)++ = size ? (int64_t)(intptr_t)known->data : 0;
    for (int64_t i = 0; i < s->n; i++) *(*words)++ = known->dimensions[i];
    return 1;
}

/* The step after those of this value; NULL if it does not fit. */
static step *put(step *s, object *value, int64_t **words) {
    switch (s->kind) {
    case WORD: {
        int64_t word = PYTHON.PyLong_AsLongLong(value);
        if (word == -1 && PYTHON.PyErr_Occurred()) break;
        *(*words)++ = word;
        return s + 1;
    }
    case REAL: {
        union { double real; int64_t word; } bits = { PYTHON.PyFloat_AsDouble(value) };
        if (bits.real == -1.0 && PYTHON.PyErr_Occurred()) break;
        *(*words)++ = bits.word;
        return s + 1;
    }
    case ARRAY:
        return put_array(s, value, words) ? s + 1 : NULL;
    case TUPLE: {
        int64_t n = s->n;
        if (PYTHON.PyTuple_Size(value) != n) break;
        s++;
        for (int64_t i = 0; s && i < n; i++) s = put(s, PYTHON.PyTuple_GetItem(value, i), words);
        return s;
    }
    }
    return NULL;
}

/* Whether the arguments fit; then they stand in the tables. */
static int fill(function *f, object *const *args, int64_t n_args, int64_t *words, int64_t *numbers) {
    step *s = n_args == f->n_arguments + f->n_numbers ? f->plan : NULL;
    for (int64_t i = 0; s && i < f->n_arguments; i++) s = put(s, args[i], &words);
    for (int64_t i = 0; s && i < f->n_numbers; i++) {
        numbers[i] = PYTHON.PyLong_AsLongLong(args[f->n_arguments + i]);
        if (numbers[i] == -1 && PYTHON.PyErr_Occurred()) s = NULL;
    }
    if (!s) PYTHON.PyErr_Clear();
    return s != NULL;
}

EXPORT object *fastbp_fits(object *self, object *const *args, int64_t n_args) {
    int64_t words[MOST_WORDS], numbers[MOST_NUMBERS];
    return PYTHON.PyBool_FromLong(fill(PYTHON.PyLong_AsVoidPtr(self), args, n_args, words, numbers));
}

EXPORT object *fastbp_call(object *self, object *const *args, int64_t n_args) {
    function *f = PYTHON.PyLong_AsVoidPtr(self);
    int64_t words[MOST_WORDS], numbers[MOST_NUMBERS];
    union { int64_t word; double real; } result = { 0 };
    if (!fill(f, args, n_args, words, numbers)) {
        PYTHON.PyErr_SetString(fastbp_objects.type_error, "the machine code is for arguments of other types");
        return NULL;
    }
    void *thread = PYTHON.PyEval_SaveThread();
    int32_t status = f->kernel(words, numbers, &result.word);
    PYTHON.PyEval_RestoreThread(thread);
    if (status) {
        PYTHON.PyErr_SetString(fastbp_objects.runtime_error, "a kernel ended with an error");
        return NULL;
    }
    switch (f->result) {
    case INT: return PYTHON.PyLong_FromLongLong(result.word);
    case UINT: return PYTHON.PyLong_FromUnsignedLongLong((uint64_t)result.word);
    case FLOAT: return PYTHON.PyFloat_FromDouble(result.real);
    case BOOL: return PYTHON.PyBool_FromLong((long)(result.word != 0));
    }
    PYTHON.Py_IncRef(fastbp_objects.none);
    return fastbp_objects.none;
}
