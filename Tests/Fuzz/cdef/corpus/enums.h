enum e { A, B = 5, C = -1, D = 0x100000000, E = 'a' + sizeof(int), F = (char)300, G = B ? C : D, };
enum __attribute__((packed)) p { P0, P1 = 255 }; enum fw; enum t : unsigned char { T = 7 };
struct b { enum e x : 4; enum p y : 8; enum t z; };
