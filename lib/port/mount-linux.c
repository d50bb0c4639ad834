/* SPDX-License-Identifier: 0BSD */
/* The mount of a file, by Linux's proc(5): fdinfo (3.15) and mountinfo. */
#include "config.h"

#include "port/os.h"

#include "port/proc-text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_mount_id(int fd, unsigned long long *id)
{
	char path[64], *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	if (!info)
		return errno == ENOENT ? -ENOTSUP : -errno;
	while (!found && getline(&line, &size, info) >= 0)
		found = lf_proc_parse_number(line, "mnt_id", id);
	free(line);
	fclose(info);
	return found ? 0 : -ENOTSUP;
}

int lf_mount_read(int fd, struct lf_mount *mount)
{
	unsigned long long id;
	char *line = NULL;
	size_t size = 0;
	FILE *list;
	int rc;

	*mount = (struct lf_mount){ .type = NULL };
	rc = read_mount_id(fd, &id);
	if (rc < 0)
		return rc;
	rc = -ENOTSUP;
	list = fopen("/proc/self/mountinfo", "re");
	if (!list)
		return errno == ENOENT ? -ENOTSUP : -errno;
	while (rc == -ENOTSUP && getline(&line, &size, list) >= 0) {
		const char *type, *source, *options;

		if (!lf_proc_parse_filesystem(line, id, &type, &source,
					      &options))
			continue;
		mount->type = strdup(type);
		mount->source = strdup(source);
		mount->options = strdup(options);
		rc = mount->type && mount->source && mount->options ? 0 :
								      -ENOMEM;
	}
	free(line);
	fclose(list);
	if (rc < 0)
		lf_mount_free(mount);
	return rc;
}

void lf_mount_free(struct lf_mount *mount)
{
	free(mount->type);
	free(mount->source);
	free(mount->options);
	*mount = (struct lf_mount){ .type = NULL };
}
