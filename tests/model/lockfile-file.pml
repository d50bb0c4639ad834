/* SPDX-License-Identifier: 0BSD */
/*
 * A part of lockfile.pml: file.c, which opens and verifies; parked.c and siblings.c,
 * with close and the tag of a holder.
 */

/* ---- file.c ---------------------------------------------------------- */

/* O_CREAT: if the path is gone, it gets the first inode that is free. */
inline file_open()
{
	d_step {
		if
		:: path == NONE ->
			path = 0;
			do
			:: inodes[path].opened != 0 -> path++
			:: else -> break
			od
		:: else
		fi;
		file[me] = path;
		copies[me] = 1;
		is_open = true;
		my.opened = my.opened | bit(me)
	}
}

/* stat and fstat.  Only the path can change, so together they are one step. */
inline file_is_at()
{
#ifdef CACHED
	if
	:: got = (path == file[me])
	:: got = true
	fi
#else
	got = (path == file[me])
#endif
}

/* ---- parked.c, siblings.c --------------------------------------------- */

/*
 * Any close drops the tag of the process.  Body and presence belong to the
 * description and stay while a child has a copy of the descriptor.
 * rule: park-without-tag
 */
inline table_close()
{
	d_step {
		left();
		is_open = false;
#ifdef THREADS
		holds[me] = false;
		waits_for_tag[me] = false;
		if
#ifdef MUTANT_PARK_WITH_TAG
		:: file_is_in_use || sibling_waits ->
#else
		:: file_is_in_use || (!has_tag[me] && sibling_waits) ->
#endif
			/* Parked: still open, and nothing is locked. */
			claim(REST, !(my.tag & tags_of_mine) || sibling_holds ||
			    has_tag[sibling]);
			claim(REST, !((my.place | my.body | my.far_end) & mine));
			copies[me] = 0;
			file[me] = NONE
		:: else ->
			my.tag = tags_of_others;
			if
			:: me <= 1 && file[sibling] != file[me] ->
				my.opened = my.opened & ~bit(sibling)
			:: sibling_is_here && me <= 1 -> has_tag[sibling] = false
			:: else
			fi;
			description_close()
		fi;
#else
		my.tag = by_others(my.tag);
		description_close();
#endif
		has_tag[me] = false
	}
}

/*
 * The tag shows the holder, if no waiter has it at the moment.  A thread that has
 * its place keeps that.
 * rule: place-stays
 */
inline table_hold()
{
#ifdef THREADS
	d_step { holds[me] = true; waits_for_tag[me] = false };
	if
	:: my.place & mine ->
		has_place = true;
#ifdef MUTANT_PLACE_EXCHANGED
		place_unlock();
		tag_try(tag_mode)
#else
		place_try(tag_mode)
#endif
	:: else -> tag_try(tag_mode)
	fi;
#else
	tag_try(tag_mode);
#endif
	if
	:: !got && is(SHARED) -> sharer_refused()
	:: else
	fi
}

#ifdef THREADS
/* One of a process, and only if no other holds the file; rule: one-waits-for-tag */
inline may_wait_for_tag()
{
	d_step {
#ifdef MUTANT_ALL_WAIT_FOR_TAG
		got = true;
#else
		got = !(sibling_holds || sibling_waits);
#endif
		waits_for_tag[me] = got
	}
}
#endif

/* The descriptor is the caller's and stays open. */
inline table_close_borrowed()
{
	d_step {
#ifdef THREADS
		holds[me] = false;
		waits_for_tag[me] = false;
		claims[me] = false;
		if
		:: file_is_in_use || (!has_tag[me] && sibling_waits)
		:: else ->
			my.tag = tags_of_others;
			if
			:: sibling_is_here -> has_tag[sibling] = false
			:: else
			fi
		fi;
#else
		my.tag = tags_of_others;
#endif
		has_tag[me] = false
	}
}

/* What a sibling holds, it goes on to show. */
inline give_tag_back()
{
	d_step {
#ifdef THREADS
		waits_for_tag[me] = false;
		if
		:: sibling_holds
		:: else ->
			my.tag = tags_of_others;
			if
			:: sibling_is_here -> has_tag[sibling] = false
			:: else
			fi
		fi;
#else
		my.tag = tags_of_others;
#endif
		has_tag[me] = false
	}
}
