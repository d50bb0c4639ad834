#include "config.h"

#include "number.h"

#include "message.h"
#include "text.h"

#include <limits.h>
#include <string.h>

/* Digits only: strtoul(3) would take blanks, signs and "0x" too. */
bool parse_number(const char *text, int base, unsigned long max,
		  unsigned long *number)
{
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) ||
	    strlen(text) > 9)
		return false;
	*number = 0;
	for (; *text; text++) {
		if (*text - '0' >= base)
			return false;
		*number = *number * (unsigned)base + (unsigned)(*text - '0');
	}
	return *number <= max;
}

bool parse_seconds(const char *text, int *milliseconds)
{
	size_t whole = strspn(text, "0123456789"), fraction = 0;
	long long ms = 0;

	if (text[whole] == '.')
		fraction = strspn(text + whole + 1, "0123456789");
	if (whole + fraction == 0 || whole > 9 ||
	    text[whole + (text[whole] == '.') + fraction] != '\0')
		return false;
	for (size_t i = 0; i < whole; i++)
		ms = ms * 10 + (text[i] - '0');
	ms *= 1000;
	for (size_t i = 0, unit = 100; i < fraction; i++, unit /= 10) {
		int digit = text[whole + 1 + i] - '0';

		if (unit == 0 && digit > 0) {
			ms++;
			break;
		}
		ms += digit * (int)unit;
	}
	*milliseconds = (int)ms;
	return ms <= INT_MAX;
}

int parse_timeout(const char *text)
{
	int milliseconds;

	if (!parse_seconds(text, &milliseconds))
		usage_error("invalid time %s: give seconds, such as 10 or 0.5, "
			    "at most 2147483", quoted(text));
	return milliseconds;
}
