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

static void find(struct findings *found, const struct check_options *o)
{
	unsigned how = o->all ? LOOK_ALL : 0;

	if (o->wait)
		look_until_free(found, o->paths, how, o->timeout_ms);
	else
		look(found, o->paths, how | (o->quiet ? LOOK_BRIEFLY : 0));
}

static void say_failure(const struct finding *finding)
{
	const char *hint = finding->rc == -EACCES ? try_as_root() : "";

	if (finding->more == 0)
		message_about(finding->path, "%s%s", lf_strerror(finding->rc),
			      hint);
	else
		message_about(finding->path,
			      "%s%s; of %zu more files there it cannot be "
			      "told either",
			      lf_strerror(finding->rc), hint, finding->more);
}

static void print(const struct findings *found, const struct check_options *o)
{
	sentence_begin();
	for (size_t i = 0; i < found->count; i++) {
		const struct finding *finding = &found->list[i];

		if (finding->rc < 0)
			say_failure(finding);
		else if (!o->quiet && !o->pid && !o->table)
			sentence_print(finding);
	}
	if (o->table)
		table_print(found);
	else if (o->pid && !o->quiet)
		print_pids(found);
}

static int status(const struct findings *found, const struct check_options *o)
{
	bool held = first_held(found), failed = false;

	for (size_t i = 0; i < found->count; i++)
		failed |= found->list[i].rc < 0;
	if (failed && !(o->quiet && held))
		return CANNOT_TELL;
	return held ? HELD : FREE;
}

int main(int argc, char **argv)
{
	struct check_options o;
	struct findings found;
	int rc;

	message_begin("lf-check");
	parse_check_options(argc, argv, &o);
	find(&found, &o);
	print(&found, &o);
	rc = status(&found, &o);
	forget(&found);
	return finish_output(rc);
}
