int a[__builtin_clz(3) + __builtin_ctzll(8) + __builtin_ffs(0) + __builtin_popcountl(7) + __builtin_parity(1)];
_Static_assert(__builtin_bswap32(1) == 0x1000000 && __builtin_bswap16(1) == 256 && __builtin_clrsb(-1) == 31, "");
int b[__builtin_constant_p("x") ? 1 : 2], c[__builtin_choose_expr(0, undeclared, 2)], d[(int)(1.5 * 2)];
typeof(__builtin_memcpy(0, 0, 0)) e; typeof(__builtin_va_arg(*(__builtin_va_list *)0, long)) f;
typeof(__builtin_object_size(e, 0)) g; int h[sizeof(__builtin_huge_val()) + __builtin_expect(!!1, 1)];
