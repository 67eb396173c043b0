void (*signal(int sig, void (*handler)(int)))(int); int (*pa)[3], *ap[3], m[2][3][4], flex[];
typedef int fn(const char *restrict, ...), (*fnp)(), (*(*fnpp)(fn *, int [static const 4]))(void);
struct opaque; struct opaque *get(struct opaque *const *, int (int), ...) __asm__("real_" "get");
[[gnu::packed, noreturn]] void die(void) __attribute__((__noreturn__, format(printf, 1, 2)));
