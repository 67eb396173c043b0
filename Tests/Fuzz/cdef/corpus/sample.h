struct s { int a : 3, : 0, b : 5; char c[3]; };
typedef struct s *s_t;
int f(s_t, ...);
