#include "config.h"

#include "message.h"

#include "lockfile-fcntl.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *tool_name;

void message_begin(const char *tool)
{
	tool_name = tool;
	/* One write(2) a line, so that lines of two processes do not mix. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

__attribute__((__format__(__printf__, 2, 0))) static void
say(const char *name, const char *format, va_list arguments)
{
	fprintf(stderr, "%s: ", tool_name);
	if (name) {
		if (*name)
			print_escaped(stderr, name);
		else
			fputs("''", stderr);
		fputs(": ", stderr);
	}
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void message(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(NULL, format, arguments);
	va_end(arguments);
}

void message_about(const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(name, format, arguments);
	va_end(arguments);
}

void usage_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(NULL, format, arguments);
	va_end(arguments);
	exit(STATUS_USAGE);
}

void show_hint(void)
{
	usage_error("try '%s --help' for more information", tool_name);
}

void show_version(void)
{
	printf("%s (liblockfile-fcntl) %s\n", tool_name, lf_version());
	exit(finish_output(0));
}

void out_of_memory(void)
{
	message("out of memory");
	exit(STATUS_SYSTEM);
}

const char *advice(int error)
{
	switch (-error) {
	case EACCES:
		return "check the permissions of the file and its directory";
	case EBUSY:
		return "try again: the kernel has asked that process to give it up";
	case EIO:
		return "check the system log";
	case EISDIR:
		return "name a file in it";
	case ELOOP:
		return "name the file it points to, or use --follow";
	case ENAMETOOLONG:
		return "choose a shorter one";
	case ENOENT:
		return "create the directory first, or correct the name";
	case ENOLCK:
		return "use a local file system, such as /run";
	case ENOMEM:
		return "check the limits on memory and processes, ulimit -a";
	case ENOTDIR:
		return "correct the name";
	case ENOTSUP:
		return "name a regular file, or one that does not exist yet";
	case ENOTEMPTY:
		return "use another lock file, or omit --pid";
	case EOVERFLOW:
	case ETXTBSY:
		return "use a file that serves only as a lock";
	case EPERM:
		return "check with lsattr whether the file or its directory is immutable";
	case EROFS:
		return "use a writable file system, such as /run";
	case EMFILE:
	case ENFILE:
		return "check the limit on open files, ulimit -n";
	case ENOSPC:
	case EDQUOT:
		return "free some space, or use another file system, such as /run";
	case ESTALE:
		return "check its file server, or use a local file system, such as /run";
	default:
		return NULL;
	}
}

int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	message("standard output: %s", strerror(errno));
	return STATUS_SYSTEM;
}
