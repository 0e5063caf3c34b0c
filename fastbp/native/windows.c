/* What LLVM's code takes from a C library, for Windows, where there is none in every process. */

#ifdef _WIN32

#include <stddef.h>
#include <stdint.h>

int _fltused = 0; /* asked for wherever there are floating-point numbers */

/* Called when the library is loaded: there is nothing to prepare. */
int DllMainCRTStartup(void *library, unsigned why, void *reserved) { return 1; }

typedef uint64_t words __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t word __attribute__((aligned(1), may_alias));

void *memcpy(void *to, const void *from, size_t n) {
    char *d = to;
    const char *s = from;
    for (; n >= sizeof(words); n -= sizeof(words), d += sizeof(words), s += sizeof(words)) *(words *)d = *(words *)s;
    for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word), s += sizeof(word)) *(word *)d = *(word *)s;
    for (; n; n--) *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    char *d = to;
    const char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= n) return memcpy(to, from, n); /* which goes upwards: right too if `to` is below */
    while (n--) d[n] = s[n];
    return to;
}

void *memset(void *to, int byte, size_t n) {
    char *d = to;
    uint64_t all = (unsigned char)byte * 0x0101010101010101u;
    for (; n >= sizeof(words); n -= sizeof(words), d += sizeof(words)) *(words *)d = (words){ all, all };
    for (; n >= sizeof(word); n -= sizeof(word), d += sizeof(word)) *(word *)d = all;
    for (; n; n--) *d++ = (char)byte;
    return to;
}

#endif
