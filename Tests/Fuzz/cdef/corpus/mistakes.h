struct s { int a int b; }; int x unsigned y; strct s z; int f(int a,, int b); } ; struct s { char c; };
int a[-1]; int b : 3; void v; typedef int t; typedef long t; unsigned float c; enum e { A, A }; int n = {
long long long d; struct u { int m; int m; long w : 99; }; "x" 'ab 1x 08 @ `j` $
