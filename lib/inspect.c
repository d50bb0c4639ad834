#include "config.h"

#include "inspect.h"

#include "call.h"
#include "check.h"
#include "lockfile-fcntl.h"
#include "report.h"

#include <errno.h>

int inspect(const char *path, struct lf_report **report)
{
	struct lf_entry holder = { .source = LF_SOURCE_LOCK };
	int rc = holder_of(path, &holder.pid);

	if (rc < 0)
		return rc;
	*report = report_new();
	if (!*report)
		return -ENOMEM;
	(*report)->partial = true;
	if (rc > 0 && report_add(*report, &holder) < 0) {
		lf_report_free(*report);
		*report = NULL;
		return -ENOMEM;
	}
	return rc;
}

int lf_inspect(const char *path, struct lf_report **report)
{
	struct lf_report *found = NULL;
	struct call call;
	int rc;

	call_enter(&call);
	rc = path && report ? inspect(path, &found) : -EINVAL;
	if (report)
		*report = found;
	return call_leave(&call, rc, INSPECT);
}
