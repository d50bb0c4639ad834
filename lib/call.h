/* What every public function does on its way in and out. */
#ifndef CALL_H
#define CALL_H

#include "names.h"

struct call {
	int saved_errno;
	int cancel_state;
};

/* No cancellation point inside. */
void call_enter(struct call *);

/* The functions by the errors that they may return, as in the manual pages. */
enum function {
	ACQUIRE = 1,
	START = 2,
	FINISH = 4,
	RELEASE = 8,
	VERIFY = 16,
	CHECK = 32,
	ACQUIRE_FD = 64,
	ADOPT = 128,
	CONVERT = 256,
	INSPECT = 512,
};

/*
 * errno is as it was, and the result is RESULT if it is not negative or an
 * error that FUNCTION may return, else -EIO.
 */
int call_leave(const struct call *, int result, enum function);

#endif
