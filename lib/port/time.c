/* Deadlines on the monotonic clock, which nobody sets. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

struct timespec os_deadline(int timeout_ms)
{
	struct timespec t = { 0 };

	if (timeout_ms <= 0)
		return t;
	t = now();
	t.tv_sec += timeout_ms / 1000;
	t.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	return t;
}

/* Rounded up: poll(2) must not come back a moment too early, to poll anew. */
static int milliseconds_until(struct timespec deadline)
{
	struct timespec t = now();
	long long left = (deadline.tv_sec - t.tv_sec) * 1000000000LL +
			 (deadline.tv_nsec - t.tv_nsec);

	if (left <= 0)
		return 0;
	left = (left + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

bool os_is_over(struct timespec deadline)
{
	return milliseconds_until(deadline) == 0;
}

int os_poll_until(int fd, struct timespec deadline)
{
	for (;;) {
		struct pollfd event = { .fd = fd, .events = POLLIN };
		int left = milliseconds_until(deadline);
		int rc = poll(&event, 1, left);

		if (rc < 0)
			return -errno;
		if (rc > 0 || left == 0)
			return rc;
	}
}
