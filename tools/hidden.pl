#!/usr/bin/perl
# SPDX-License-Identifier: 0BSD
#
# Prints hidden.h, from the Unicode data of this perl:
#
#   perl tools/hidden.pl >tools/hidden.h
#
# In it are the characters that Unicode calls Default_Ignorable_Code_Point;
# control and format characters, except those that are seen (PCM); separators of
# lines and paragraphs; characters of private use, which have no agreed look; and
# three letters that look like nothing at all.
use strict;
use warnings;
use Unicode::UCD;

my $hidden = qr/\p{Default_Ignorable_Code_Point} | \p{Cc} | (?!\p{PCM})\p{Cf} |
	\p{Zl} | \p{Zp} | \p{Co} |
	\N{BRAILLE PATTERN BLANK} | \N{KHITAN SMALL SCRIPT FILLER} |
	\N{MUSICAL SYMBOL NULL NOTEHEAD}/x;
my @ranges;

for my $c (0 .. 0xd7ff, 0xe000 .. 0x10ffff) {
	next unless chr($c) =~ $hidden;
	if (@ranges && $ranges[-1][1] == $c - 1) {
		$ranges[-1][1] = $c;
	} else {
		push @ranges, [$c, $c];
	}
}

print <<END;
/* SPDX-License-Identifier: 0BSD */
/*
 * The characters that are never printed as they are.  Made by tools/hidden.pl,
 * which says how, from Unicode @{[Unicode::UCD::UnicodeVersion()]}; do not edit.
 */
#ifndef HIDDEN_H
#define HIDDEN_H

static const struct {
	unsigned long first, last;
} hidden[] = {
END
printf "\t{ 0x%04x, 0x%04x },\n", @$_ for @ranges;
print <<END;
};

#endif
END
