/* SPDX-License-Identifier: 0BSD */
/* What a terminal may be given of text of others. */
#ifndef TESTS_FUZZ_PRINTED_H
#define TESTS_FUZZ_PRINTED_H

#include "target.h"

#include <locale.h>
#include <stdbool.h>
#include <wchar.h>
#include <wctype.h>

/* Some that are invisible, or turn the direction of text. */
static inline bool misleads(wchar_t c)
{
	return c == 0xad || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff;
}

/* The columns of TEXT, all of which the locale can print. */
static inline size_t printed_width(const char *text)
{
	size_t length = mbstowcs(NULL, text, 0), width = 0;
	wchar_t *wide = calloc(length + 1, sizeof(*wide));

	demand(length != (size_t)-1 && wide);
	mbstowcs(wide, text, length + 1);
	for (size_t i = 0; i < length; i++) {
		demand(iswprint((wint_t)wide[i]) && wcwidth(wide[i]) >= 0);
		demand(!misleads(wide[i]));
		width += (size_t)wcwidth(wide[i]);
	}
	free(wide);
	return width;
}

/* That of the environment, which is UTF-8 unless it says otherwise. */
static inline void use_locale(void)
{
	setenv("LC_ALL", "C.UTF-8", 0);
	setlocale(LC_CTYPE, "");
}

#endif
