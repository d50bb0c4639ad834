#include "config.h"

#include "message.h"

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

int message_usage(void)
{
	message("'%s --help' shows what it takes", tool_name);
	return STATUS_USAGE;
}

void refuse(const char *about, const char *what)
{
	if (about)
		message_about(about, "%s", what);
	else
		message("%s", what);
	exit(STATUS_USAGE);
}

void refuse_for_memory(void)
{
	message("out of memory");
	exit(STATUS_SYSTEM);
}

const char *advice(int error)
{
	switch (-error) {
	case EACCES:
		return "see who may write it and its directory";
	case EBUSY:
		return "try again, it has been asked to give it up";
	case EIO:
		return "see the log of the system";
	case EISDIR:
		return "name a file in it";
	case ELOOP:
		return "name the file it points to";
	case ENAMETOOLONG:
		return "choose a shorter one";
	case ENOENT:
		return "make the directory first, or correct the name";
	case ENOLCK:
		return "use a local file system, such as /run";
	case ENOMEM:
		return "see the limits of memory and processes, ulimit -a";
	case ENOTDIR:
		return "correct the name";
	case ENOTSUP:
		return "name a regular file, or one that does not exist yet";
	case ENOTEMPTY:
		return "use another lock file, or leave --pid away";
	case EOVERFLOW:
	case ETXTBSY:
		return "name a file that is for the lock alone";
	case EPERM:
		return "see whether it or its directory is immutable, lsattr";
	case EROFS:
		return "use a file system that can be written, such as /run";
	case EMFILE:
	case ENFILE:
		return "see the limits of open files, ulimit -n";
	case ENOSPC:
	case EDQUOT:
		return "make room, or use another file system, such as /run";
	case ESTALE:
		return "see whether its file server is well, or use /run";
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
