# 1 "a.h" 1
#line 7 "b.h"
#ifdef X
int x;
#elif 1
int y[N
#else
#endif
];
#undef N
#if 0
#if 1
#endif
#endif
#ident "x"
#error no
#include <stdio.h>
