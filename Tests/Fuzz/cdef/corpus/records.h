#pragma pack(push, 2)
struct s { char c; int i : 3, : 0; unsigned long l : 40; _Bool b : 1; union { int x; struct { short y, z[2]; }; } u[2]; };
#pragma pack(push, lab, 8)
#pragma pack(pop, lab)
#pragma pack()
union __attribute__((transparent_union)) t { int *p; struct s *q; };
struct __attribute__((packed, aligned(4))) v { char a; long b __attribute__((aligned(8))); int c[]; } __packed;
struct w { _Alignas(16) char a; struct { int : 5; int n; }; struct inner { int k; } in; _Static_assert(1, "x"); };
typedef int si __attribute__((mode(SI))), four __attribute__((vector_size(16))); struct empty {};
