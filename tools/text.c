/* SPDX-License-Identifier: 0BSD */
/* Text of others, such as names and command lines. */
#include "config.h"

#include "common.h"
#include "hidden.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

/* The length and the number of the UTF-8 character at S, or 0: not UTF-8. */
static size_t decode(const unsigned char *s, unsigned long *character)
{
	size_t length, i;
	unsigned long c;

	*character = *s;
	if (*s < 0x80)
		return 1;
	length = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;
	if (length == 0 || *s > 0xf4)
		return 0;
	c = *s & (0xffu >> (length + 1));
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	/* Overlong, surrogate, or beyond Unicode. */
	if ((length == 3 && c < 0x800) || (length == 4 && c < 0x10000) ||
	    (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	*character = c;
	return length;
}

/*
 * Whether the terminal shows UTF-8.  Where it does not, one byte of a letter may
 * be a control character to it, such as 0x9b in ISO 8859.
 *
 * Loading a locale costs more than a lock, so only the first letter beyond ASCII
 * does it.
 */
static bool shows_utf8(void)
{
	static bool loaded, utf8;

	if (!loaded)
		utf8 = setlocale(LC_CTYPE, "") &&
		       strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	loaded = true;
	return utf8;
}

static bool is_hidden(unsigned long c)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (c <= hidden[i].last)
			return c >= hidden[i].first;
	return false;
}

/*
 * The length of the character at S, or 0: the byte at S is to be escaped; and the
 * columns that this takes.  wcwidth(3) is negative for what the system cannot
 * print, such as characters without a meaning.
 */
static size_t printable(const char *s, size_t *width)
{
	unsigned long character;
	size_t length = decode((const unsigned char *)s, &character);
	int columns = 1;

	*width = strlen("\\xNN");
	if (length == 0 || is_hidden(character))
		return 0;
	if (length > 1)
		columns = shows_utf8() ? wcwidth((wchar_t)character) : -1;
	if (columns < 0)
		return 0;
	*width = (size_t)columns;
	return length;
}

/* Prints the character or byte at S; returns the next. */
static const char *print_one(FILE *to, const char *s)
{
	size_t width, length = printable(s, &width);

	if (length > 0) {
		fwrite(s, 1, length, to);
		return s + length;
	}
	fprintf(to, "\\x%02x", (unsigned char)*s);
	return s + 1;
}

void print_escaped(FILE *to, const char *text)
{
	while (*text)
		text = print_one(to, text);
}

size_t escaped_width(const char *text)
{
	size_t total = 0;

	while (*text) {
		size_t width, length = printable(text, &width);

		total += width;
		text += length > 0 ? length : 1;
	}
	return total;
}

void print_shortened(FILE *to, const char *text, size_t width)
{
	size_t used = 0, next;

	if (escaped_width(text) <= width) {
		print_escaped(to, text);
		return;
	}
	while (*text) {
		printable(text, &next);
		used += next;
		if (used + strlen("...") > width)
			break;
		text = print_one(to, text);
	}
	fputs("...", to);
}

size_t columns_of_terminal(int fd)
{
	struct winsize size;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

/* A terminal would break a line that is too long within a word. */
void print_folded(FILE *to, char *text, size_t width)
{
	size_t used = 0;

	for (char *word = text, *next; word; word = next) {
		size_t columns;

		next = strchr(word, ' ');
		if (next)
			*next++ = '\0';
		columns = escaped_width(word);
		if (word > text && width > 0 && used + 1 + columns > width) {
			fputs("\n" CONTINUED, to);
			used = strlen(CONTINUED);
		} else if (word > text) {
			fputc(' ', to);
			used++;
		}
		print_escaped(to, word);
		used += columns;
	}
}

char *text_shortened(const char *text, size_t width)
{
	char *shortened = NULL;
	size_t size;
	FILE *to = open_memstream(&shortened, &size);

	if (!to)
		return NULL;
	print_shortened(to, text, width);
	if (fclose(to) == 0)
		return shortened;
	free(shortened);
	return NULL;
}

char *text_valid(const char *text)
{
	char *valid = malloc(strlen("\\xNN") * strlen(text) + 1), *to = valid;

	if (!valid)
		return NULL;
	while (*text) {
		unsigned long character;
		size_t length =
			decode((const unsigned char *)text, &character);

		if (length == 0)
			to += sprintf(to, "\\x%02x", (unsigned char)*text++);
		for (; length > 0; length--)
			*to++ = *text++;
	}
	*to = '\0';
	return valid;
}
