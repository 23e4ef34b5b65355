// The C part of this package: what has to happen while the process still has one thread, before the Go runtime starts.

#ifndef POD_ROOTLESS_CONSTRUCTOR_H
#define POD_ROOTLESS_CONSTRUCTOR_H

#define POD_HOLDER_NAME "pod-holder"

// How far joining the holder came. The Go side has the same list.
enum pod_join_step {
	POD_JOIN_NOT_TRIED, // root, or asked not to
	POD_JOIN_NO_RECORD,
	POD_JOIN_STALE_RECORD, // the process it names has ended
	POD_JOIN_PIDFD,
	POD_JOIN_SETNS,
	POD_JOIN_DONE,
};

struct pod_join {
	int step;       // the last step that was begun
	int error;      // errno of that step
	unsigned uid;   // outside, when step is POD_JOIN_DONE
	unsigned gid;   // likewise
	int holder;     // pid
	int cwd_error;  // errno when the working directory has no place inside
	int cwd_gone;   // and it could not be kept as a descriptor either
	char cwd[4096]; // its path outside
};

// Written once by the constructor, only read afterwards.
extern struct pod_join pod_join_result;

// pod_join looks for the holder and joins its namespaces. It never prints and never ends the process.
void pod_join(void);

// pod_hold is the whole life of a holder; socket is the number of its end of the socket pair as text. It does not return.
void pod_hold(const char *socket);

// pod_probe tries what containers need in namespaces of its own, in the current directory. It does not return.
void pod_probe(void);

#endif
