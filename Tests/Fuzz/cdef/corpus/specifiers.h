long unsigned int long a; int signed short b; _Complex double c; unsigned __int128 d; __int128_t e;
const volatile char *restrict const f; _Atomic(int) g; _Atomic long h; typeof(int[3]) i; __auto_type j = 1ull;
_Float16 k; _Float32x l; __float128 m; __builtin_va_list n; extern _Thread_local int o; register int p;
_Noreturn void q(void); static inline __attribute__((always_inline)) int r(int x) { return x ? ({ 1; }) : "}"[0]; }
int old(a, b) int a; char *b; { asm volatile ("nop" : : : "memory"); return a; }
