#define N 4
#define M (N * 2 + 1)
#define F(x) ((x) + 1)
int a[M], b[sizeof(int[N]) / sizeof(int)], c[__builtin_offsetof(struct s, m.n[1])];
struct s { struct { char x; int n[3]; } m; }; static const int k = 1 << 3 | 2 & ~1 ^ 5 % 3;
_Static_assert(__builtin_offsetof(struct s, m.n[2]) == 12 && k > 0 && 1.5f != 2 || !0, "no");
int d[(unsigned long)&((struct s *)0)->m.n[1]], e[__builtin_types_compatible_p(int, signed) ? 1 : 2];
int g[_Generic(1L, int: 1, long: 2, default: 3)], h[__builtin_choose_expr(1, 2, "x")], i[_Alignof(long)];
typeof(a[0] + 1ul) j; typeof(*&a) l; typeof(((struct s *)0)->m) m; typeof_unqual(const int) n;
int o[__builtin_constant_p(3) + __builtin_expect(1, 0)], q[-1 >= 0u ? 0b11 : 017], r['\x41' == L'A' ? 1 : 2];
int s1[sizeof "ab" "c"], s2[(int){3}.x], s3[sizeof(struct s){ 0 }.m];
