#define _GNU_SOURCE
#include "constructor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// Commands that describe the host must see it from outside, and so must tests. An argument that only happens to be such a
// word costs one more exec, nothing else: the Go side starts the program again with _POD_ENTER set.
static int wants_outside(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "doctor") == 0 || strncmp(argv[i], "-test.", 6) == 0)
			return 1;
	return 0;
}

// glibc and musl pass argc and argv to constructors; glibc does so in static programs too.
__attribute__((constructor)) static void pod_constructor(int argc, char **argv)
{
	const char *socket = getenv("_POD_HOLDER");
	if (socket != NULL)
		pod_hold(socket);
	if (getenv("_POD_PROBE") != NULL)
		pod_probe();
	if (geteuid() == 0 || getenv("POD_NO_JOIN") != NULL)
		return;
	if (getenv("_POD_ENTER") != NULL) // started through /proc/self/exe, which leaves the name "exe"
		prctl(PR_SET_NAME, program_invocation_short_name);
	else if (wants_outside(argc, argv))
		return;
	pod_join();
}
