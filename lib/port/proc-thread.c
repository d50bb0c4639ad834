/* SPDX-License-Identifier: 0BSD */
/* What a thread of this process does, by Linux's proc(5). */
#include "config.h"

#include "port/os.h"

#include "port/proc-text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t lf_thread_pid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

int lf_thread_state(pid_t pid, unsigned long long *sleeps)
{
	char path[64], state = '\0', *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", (long)pid);
	status = fopen(path, "re");
	if (!status)
		return -errno;
	while (!found && getline(&line, &size, status) >= 0) {
		(void)sscanf(line, "State: %c", &state);
		found = lf_proc_parse_number(line, "voluntary_ctxt_switches",
					     sleeps);
	}
	free(line);
	fclose(status);
	return found && state != '\0' ? state : -ENOTSUP;
}
