// SPDX-License-Identifier: MIT
/*
 * elapsed COMMAND [ARGUMENT…]: runs it and prints on standard error how many nanoseconds went by. Under
 * -icount shift=0 these are the instructions that the machine executed, the kernel's included.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int count, char **arguments)
{
	int64_t start = now();
	int status;
	pid_t child;

	if (count < 2)
		return 2;
	child = fork();
	if (child == 0) {
		execvp(arguments[1], arguments + 1);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return 3;
	fprintf(stderr, "%lld\n", (long long)(now() - start));
	return WEXITSTATUS(status);
}
