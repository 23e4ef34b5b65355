#define _GNU_SOURCE
#include "constructor.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// What the holder says to the command that starts it: one packet per step. The command answers each with one byte. The
// Go side is in holder.go.
struct report {
	int32_t step; // 'u' namespaces made, 'r' mounts are slaves: ready
	int32_t error;
	int32_t pid;
};

// agree reports a step and returns when the command has answered; a failed step or a command that is gone ends the process,
// so that nothing is left behind by a command that was killed half-way.
static void agree(int sock, int step, int error)
{
	struct report r = { .step = step, .error = error, .pid = getpid() };
	char go;
	ssize_t n;
	if (send(sock, &r, sizeof r, MSG_NOSIGNAL) != sizeof r || error != 0)
		_exit(1);
	do
		n = read(sock, &go, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(1);
}

static void close_from(unsigned first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0U) == 0)
		return;
#endif
	for (long fd = sysconf(_SC_OPEN_MAX); fd >= (long)first; fd--)
		close(fd);
}

static void sleep_for_ever(void)
{
	sigset_t all_but_term;
	signal(SIGTERM, SIG_DFL); // may have been ignored by whoever started the first command
	sigfillset(&all_but_term);
	sigdelset(&all_but_term, SIGTERM);
	sigprocmask(SIG_SETMASK, &all_but_term, NULL);
	for (;;)
		pause();
}

void pod_hold(const char *socket)
{
	int sock = atoi(socket);
	pid_t child = fork(); // so that the command has no child of which it knows nothing later
	if (child != 0)
		_exit(child < 0 ? 1 : 0);
	setsid();
	prctl(PR_SET_NAME, POD_HOLDER_NAME);
	if (dup2(sock, 0) < 0)
		_exit(1);
	close_from(1);
	agree(0, 'u', unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? errno : 0);
	// Mounts made on the host later appear inside; nothing mounted inside appears on the host.
	agree(0, 'r', mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ? errno : 0);
	if (chdir("/") < 0)
		_exit(1);
	close_from(0);
	sleep_for_ever();
}
