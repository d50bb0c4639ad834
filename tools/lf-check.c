/* lf-check: tell whether a lock is held, by whom, and who waits for it. */
#include "config.h"

#include "check-options.h"
#include "lockfile-fcntl.h"
#include "look.h"
#include "message.h"
#include "pids.h"
#include "process.h"
#include "sentence.h"
#include "table.h"
#include "until-free.h"

#include <errno.h>

enum { HELD = 0, FREE = 1, CANNOT_TELL = 2 };

static void find(struct files *files, const struct check_options *o)
{
	if (o->wait) {
		look_until_free(files, o->paths, o->all, o->timeout_ms);
		return;
	}
	files_collect(files, o->paths);
	files_inspect(files, o->all, o->quiet);
}

static void print_failure(const struct file *file)
{
	const char *hint = file->status == -EACCES ? try_as_root() : "";
	char more[80] = "";

	if (file->more > 0)
		snprintf(more, sizeof(more),
			 "; %zu more file%s of this directory cannot be checked",
			 file->more, file->more > 1 ? "s" : "");
	message_about(file->path, "%s%s%s", lf_strerror(file->status), hint,
		      more);
}

static void print(const struct files *files, const struct check_options *o)
{
	sentence_begin();
	for (size_t i = 0; i < files->count; i++) {
		const struct file *file = &files->list[i];

		if (file->status < 0)
			print_failure(file);
		else if (!o->quiet && !o->pid && !o->table)
			sentence_print(file);
	}
	if (o->table)
		table_print(files);
	else if (o->pid && !o->quiet)
		print_pids(files);
}

static int status(const struct files *files, const struct check_options *o)
{
	bool held = files_held(files), failed = false;

	for (size_t i = 0; i < files->count; i++)
		failed |= files->list[i].status < 0;
	if (failed && !(o->quiet && held))
		return CANNOT_TELL;
	return held ? HELD : FREE;
}

int main(int argc, char **argv)
{
	struct check_options o;
	struct files files;
	int rc;

	message_begin("lf-check");
	parse_check_options(argc, argv, &o);
	find(&files, &o);
	print(&files, &o);
	rc = status(&files, &o);
	files_free(&files);
	return finish_output(rc);
}
