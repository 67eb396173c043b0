/* SPDX-License-Identifier: MIT */
/* What all of them call. */
struct pair {
	long a, b;
};

struct record {
	int first;
	long counter;
};

int add(int a, int b)
{
	return a + b;
}

long six(long a, long b, long c, long d, long e, long f)
{
	return a + b + c + d + e + f;
}

long sum_pair(struct pair pair)
{
	return pair.a + pair.b;
}

int repeat(int (*callback)(int), int count)
{
	int sum = 0, i;

	for (i = 0; i < count; i++)
		sum += callback(i);
	return sum;
}

static struct record the_record;

struct record *get_record(void)
{
	return &the_record;
}
