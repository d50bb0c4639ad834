/* What every public function does on its way in and out. */
#ifndef CALL_H
#define CALL_H

#include "names.h"

#include <stddef.h>

struct call {
	int saved_errno;
	int cancel_state;
};

/* No cancellation point inside. */
void call_enter(struct call *);

/*
 * errno is as it was, and the result is RESULT if it is not negative or in
 * ERRORS (which ends with 0), else -EIO: a function returns only what its
 * manual page says.
 */
int call_leave(const struct call *, int result, const int *errors);

/* The errors that each function may return, as in its manual page. */
extern const int of_acquire[];
extern const int of_check[];
extern const int of_release[];
extern const int of_verify[];

#endif
