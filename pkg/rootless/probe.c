#define _GNU_SOURCE
#include "constructor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// report tells the parent, on standard output, the step that ended the probe: 0 when all went well.
static void report(int step, int error)
{
	int32_t answer[2] = { step, error };
	if (write(1, answer, sizeof answer) != sizeof answer)
		_exit(2);
	_exit(step == 0 ? 0 : 1);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	if (fd < 0)
		return -1;
	if (write(fd, text, n) != (ssize_t)n) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return close(fd);
}

static int map_single(unsigned uid, unsigned gid)
{
	char line[32];
	if (write_file("/proc/self/setgroups", "deny") < 0)
		return -1;
	snprintf(line, sizeof line, "0 %u 1", gid);
	if (write_file("/proc/self/gid_map", line) < 0)
		return -1;
	snprintf(line, sizeof line, "0 %u 1", uid);
	return write_file("/proc/self/uid_map", line);
}

// The current directory holds lower (with the files "changed" and "removed"), upper, work and merged.
void pod_probe(void)
{
	unsigned uid = geteuid(), gid = getegid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		report('u', errno);
	if (map_single(uid, gid) < 0)
		report('m', errno);
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		report('s', errno);
	if (mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
		report('o', errno);
	if (write_file("merged/changed", "x") < 0)
		report('c', errno);
	if (unlink("merged/removed") < 0) // leaves a whiteout, a device node, in upper
		report('d', errno);
	report(0, 0);
}
