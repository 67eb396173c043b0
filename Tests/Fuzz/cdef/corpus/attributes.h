struct __attribute__((ms_struct)) a { char c : 3; int i : 4; }; struct b { int x; } __attribute__((gcc_struct, designated_init));
int __attribute__((ms_abi)) c(int, ...); int (__attribute__((sysv_abi)) *d)(void); int __attribute__((regparm(3), fastcall, stdcall, cdecl)) e(void);
[[deprecated("x")]] [[gnu::aligned(8)]] int f; struct [[gnu::packed]] g { char a; _Alignas(int) char b; _Alignas(8) int c; };
typedef unsigned h __attribute__((mode(QI))), i __attribute__((mode(__word__))), j __attribute__((vector_size(8), aligned(4)));
typedef float k __attribute__((mode(DF))), l __attribute__((mode(XF))); typedef _Complex float m __attribute__((mode(DC)));
struct n { int a __attribute__((packed, aligned(2))), b; char c[] __attribute__((counted_by(a))); } __packed __aligned(4);
struct o { struct list { int x; }; union { int y; } u[2]; int : 0, : 3, z : 2; }; enum __attribute__((packed)) p { A = 300 } q;
extern const void start, end; enum r : long; enum r : long { B = 1l << 40 }; extern int s[]; int s[3];
