typedef struct { int a, b[2]; } t; static const unsigned long k = sizeof(t) * 2;
typeof(({ int x = 1; t y; x: y; })) a; int b[sizeof(({ if (1) ; else { } for (;;) { } do { } while (0); asm(""); 1ul; }))];
static inline t *f(t *p, int n) { switch (n) { case 1: return p; default: goto out; } out: return &(t){ .a = 1, .b = { [1] = 2 } }; }
int kr(x, y) int x; struct s *y; { return x; } int kr(int, struct s *);
typeof(&((t *)0)->b[1]) c; typeof(1 ? (t *)0 : (void *)0) d; typeof((char)1 << 2l) e; typeof(!a ?: 2) g;
typeof(1.0f + 2) h; typeof("ab"[1]) i; typeof(*f) *j; typeof(f((t *)0, 1)->a) l; typeof(a = a) m; typeof((void)0, 1u) n;
