#define _GNU_SOURCE
#include "constructor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct pod_join pod_join_result;

struct record {
	int pid;
	unsigned long long start;
	char boot[64];
};

static int ours(const struct stat *st)
{
	return st->st_uid == geteuid();
}

static int is_own_dir(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && ours(&st);
}

// The rule is runtimeBase in dirs.go; a test compares the two.
static int find_base(char *path, size_t size)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	struct stat st;
	if (xdg != NULL && xdg[0] == '/' && strlen(xdg) < size && stat(xdg, &st) == 0 && S_ISDIR(st.st_mode) && ours(&st)) {
		strcpy(path, xdg);
		return 0;
	}
	snprintf(path, size, "/run/user/%u", geteuid());
	if (is_own_dir(path))
		return 0;
	snprintf(path, size, "/tmp/pod-%u", geteuid());
	return is_own_dir(path) ? 0 : -1;
}

// read_file reads at most size-1 bytes and ends them with a zero.
static int read_file(const char *path, int flags, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	struct stat st;
	ssize_t n = -1;
	if (fd < 0)
		return -1;
	if (!(flags & O_NOFOLLOW) || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ours(&st)))
		n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = '\0';
	return 0;
}

static int read_record(struct record *r)
{
	char base[3072], path[4096], text[256];
	if (find_base(base, sizeof base) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/pod", base);
	if (!is_own_dir(path))
		return -1;
	snprintf(path, sizeof path, "%s/pod/holder", base);
	if (read_file(path, O_NOFOLLOW, text, sizeof text) < 0)
		return -1;
	return sscanf(text, "%d %llu %63s", &r->pid, &r->start, r->boot) == 3 && r->pid > 1 ? 0 : -1;
}

// is_recorded says whether the process that has the pid now is the recorded one and ours. Called after the pidfd was
// opened: if it is the recorded one now, it was when the pidfd was opened.
static int is_recorded(const struct record *r)
{
	char path[64], text[1024], *p;
	struct stat st;
	unsigned long long start;
	if (read_file("/proc/sys/kernel/random/boot_id", 0, text, sizeof text) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, r->boot) != 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%d", r->pid);
	if (stat(path, &st) < 0 || !ours(&st))
		return 0;
	snprintf(path, sizeof path, "/proc/%d/stat", r->pid);
	if (read_file(path, 0, text, sizeof text) < 0)
		return 0;
	// Should the record ever name another process of ours, its name gives that away.
	p = strstr(text, "(" POD_HOLDER_NAME ") ");
	if (p == NULL || *(p += strlen("(" POD_HOLDER_NAME ") ")) == 'Z' || *p == 'X')
		return 0;
	for (int field = 3; field < 22 && p != NULL; field++) {
		p = strchr(p, ' ');
		if (p != NULL)
			p++;
	}
	return p != NULL && sscanf(p, "%llu", &start) == 1 && start == r->start;
}

// back_to gives the working directory back, by its path: a directory descriptor from outside would stay in the outer
// mount namespace. When the path leads elsewhere inside, the descriptor is still the right directory for opening
// files; that it has no path is kept for an error.
static void back_to(int fd, const char *path)
{
	struct stat outside, inside;
	if (path[0] != '/') { // removed, or unreachable outside already
		if (fd < 0 || fchdir(fd) < 0) {
			pod_join_result.cwd_error = errno;
			pod_join_result.cwd_gone = 1;
		}
		return;
	}
	if (chdir(path) < 0)
		pod_join_result.cwd_error = errno;
	else if (fd >= 0 && fstat(fd, &outside) == 0 && stat(".", &inside) == 0 &&
		 (outside.st_dev != inside.st_dev || outside.st_ino != inside.st_ino))
		pod_join_result.cwd_error = ENOENT;
	if (pod_join_result.cwd_error != 0 && (fd < 0 || fchdir(fd) < 0))
		pod_join_result.cwd_gone = 1;
}

static void enter(int pidfd)
{
	struct pod_join *r = &pod_join_result;
	int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	long n = syscall(SYS_getcwd, r->cwd, sizeof r->cwd);
	if (n <= 0)
		r->cwd[0] = '\0';
	r->uid = geteuid();
	r->gid = getegid();
	if (setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		r->error = errno;
	} else {
		// A primary group changed by newgrp(1) has no id inside; files could not be made with it.
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			r->error = errno;
		r->step = POD_JOIN_DONE;
		back_to(cwd, r->cwd);
	}
	if (cwd >= 0)
		close(cwd);
}

void pod_join(void)
{
	struct pod_join *r = &pod_join_result;
	struct record rec;
	int pidfd;
	r->step = POD_JOIN_NO_RECORD;
	if (read_record(&rec) < 0)
		return;
	r->step = POD_JOIN_PIDFD;
	pidfd = syscall(SYS_pidfd_open, rec.pid, 0);
	if (pidfd < 0) {
		r->error = errno;
		if (errno == ESRCH)
			r->step = POD_JOIN_STALE_RECORD;
		return;
	}
	r->step = POD_JOIN_STALE_RECORD;
	if (is_recorded(&rec)) {
		r->step = POD_JOIN_SETNS;
		r->holder = rec.pid;
		enter(pidfd);
	}
	close(pidfd);
}
