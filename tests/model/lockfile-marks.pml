/* SPDX-License-Identifier: 0BSD */
/* A part of lockfile.pml: marks.c, with tag, body and presence. */

#ifdef PATIENT
#define note_next()                                                     \
	if                                                              \
	:: dying != NONE && next == NONE -> next = me                   \
	:: else                                                         \
	fi
#else
#define note_next()             skip
#endif

/* F_SETLK, byte 0 */
inline tag_try(how)
{
#ifdef NO_TAG
	got = true
#else
	d_step {
		got = !tag_is_refused(how);
		if
		:: got -> my.tag = tag_given(how)
		:: else
		fi;
		has_tag[me] = got
	}
#endif
}

/*
 * F_SETLKW, byte 0.  Not got: the time is up.  In the last case the kernel granted
 * the lock at that very moment.  The caller does not know, and so counts it as
 * granted in both.
 */
inline tag_wait(how)
{
#ifdef NO_TAG
	got = true
#else
	waits_for(1);
	if
	:: d_step {
		!tag_is_refused(how) ->
		my.tag = tag_given(how);
		note_next();
		has_tag[me] = true;
		got = true
	   }
	:: d_step { is(TIMED) -> has_tag[me] = true; got = false }
	:: d_step {
		is(TIMED) && !tag_is_refused(how) ->
		my.tag = tag_given(how);
		has_tag[me] = true;
		got = false
	   }
	fi;
	waits_for(0)
#endif
}

inline tag_unlock()
{
	d_step { my.tag = tags_of_others; has_tag[me] = false }
}

/* F_OFD_SETLKW, byte 0; see tag_wait */
inline place_wait(how)
{
	if
	:: d_step {
		!place_is_refused(how) ->
		my.place = given(my.place, how);
		got = true
	   }
	:: is(TIMED) -> got = false
	:: d_step {
		is(TIMED) && !place_is_refused(how) ->
		my.place = given(my.place, how);
		got = false
	   }
	fi
}

/* F_OFD_SETLK, byte 0; of a place, the conversion */
inline place_try(how)
{
	d_step {
		got = !place_is_refused(how);
		if
		:: got -> my.place = given(my.place, how)
		:: else
		fi
	}
}

inline place_unlock()
{
	my.place = by_others(my.place)
}

/* F_OFD_SETLK, bytes 1 ... */
inline body_try(how)
{
	d_step {
		got = !body_is_refused(how);
		if
		:: got -> give_body(how)
		:: else
		fi
	}
}

/*
 * By the description, and the tag goes first.  A tag may be lost between this call
 * and the unlink, or before; and two that leave with a shared tag would refuse each
 * other byte 0 as long as they look again.
 * rule: byte-0-by-description, own-tag-first
 */
inline exclude_byte_0()
{
#ifdef MUTANT_OWN_TAG_IN_THE_WAY
	place_try(WRITE);
#elif defined MUTANT_BYTE_0_BY_TAG
	d_step {
		if
		:: has_tag[me] ->
			got = !tag_is_refused(WRITE);
			if
			:: got -> my.tag = tag_given(WRITE)
			:: else
			fi
		:: else -> got = false; skip
		fi
	};
	if
	:: !got && !has_tag[me] -> place_try(WRITE)
	:: else
	fi
#else
	/* One step if there is no tag to give; that of a sibling is not its own. */
	if
	:: d_step {
		(my.tag & tags_of_mine) && !(my.place & mine) ->
		give_tag_back()
	   };
	   place_try(WRITE)
	:: d_step {
		!(my.tag & tags_of_mine) || (my.place & mine) ->
		place_try(WRITE)
	   }
	fi
#endif
}

/*
 * In parts: bytes 1 to the gap, the gap for reading, the bytes behind it; is there
 * a reader of the gap; byte 0.
 * rule: gap-shows, gap-locked, gap-asked, far-end-excluded, byte-0-excluded
 */
inline body_try_to_remove(have)
{
#if defined MUTANT_REMOVER_LIKE_HOLDER || defined MUTANT_REFUSED_LEAVES
	body_try(WRITE);
#else
	if
	:: have == WRITE -> got = true
	:: else ->
#ifdef OF_PROCESS
		d_step {
			got = !refused(my.body, WRITE) && !body_excludes_byte_0(WRITE);
			if
			:: got -> give_byte_0(WRITE); my.body = given(my.body, WRITE)
			:: else
			fi
		};
#else
		range_try(WRITE, my.body);
#endif
#ifndef MUTANT_REMOVER_WITHOUT_GAP
		if
		:: got -> range_try(READ, my.gap)
		:: else
		fi;
#endif
#ifndef MUTANT_REMOVER_WITHOUT_FAR_END
		if
		:: got -> range_try(WRITE, my.far_end)
		:: else
		fi;
#endif
#ifndef MUTANT_GAP_UNASKED
		if
		:: got -> got = (by_others(my.gap) == 0)
		:: else
		fi
#endif
	fi;
#endif
#if !defined MUTANT_REMOVER_WITHOUT_BYTE_0 && !defined NO_TAG
	if
#ifdef MUTANT_BYTE_0_BY_TAG
	:: got && !(have == WRITE && has_tag[me]) -> exclude_byte_0()
#else
	:: got -> exclude_byte_0()
#endif
	:: else
	fi
#endif
}

/*
 * F_OFD_SETLKW, bytes 1 ...  A process that is blocked here gets no tag, so it is
 * enough to check on the way in.
 */
inline body_wait(how, bounded)
{
#ifdef THREADS
	d_step { claim(TAG, !has_tag[me] && !(my.place & mine)) };
#else
	d_step { claim(TAG, !(my.tag & mine) || (my.body & mine)) };
#endif
	waits_for(2);
	if
	:: d_step { !body_is_refused(how) -> give_body(how); got = true }
	:: bounded -> got = false
	:: d_step {
		bounded && !body_is_refused(how) ->
		give_body(how);
		got = false
	   }
	fi;
	waits_for(0)
}

/* With the place, in one step; rule: place-released */
inline body_unlock()
{
	d_step {
#if defined THREADS && !defined MUTANT_PLACE_LEFT
		my.place = by_others(my.place);
#endif
#ifdef OF_PROCESS
		my.tag = by_others(my.tag);
#endif
		my.body = by_others(my.body);
		my.gap = by_others(my.gap);
		my.far_end = by_others(my.far_end)
	}
}

/* F_OFD_GETLK for writing, bytes 1 ...: has no other process locked it? */
inline body_test()
{
	got = (by_others(my.body | my.gap | my.far_end) == 0)
}

/* Of another file than that at the path, or of a sharer by byte 0: see HELD. */
inline is_busy(how)
{
	answer = BUSY;
	if
	:: path != file[me] || (how == READ && !body_is_refused(how)) ->
		wrongly = wrongly | bit(me)
	:: else -> wrongly = wrongly & ~bit(me)
	fi
}

/*
 * The same in our mode, after a refusal.  The lock of a remover ends at the gap,
 * and is a write lock.
 * rule: remover-starts-over, remover-writes
 */
#ifdef MUTANT_READ_LIKE_REMOVER
#define of_removers     (by_others(my.body) & ~my.gap)
#else
#define of_removers     (by_others(my.body) & WRITERS & ~my.gap)
#endif

inline test_body(how)
{
	d_step {
		got = false;
		if
		:: !body_is_refused(how) -> got = true; answer = REMOVER
#ifndef MUTANT_REMOVER_HOLDS
		:: body_is_refused(how) && of_removers -> answer = REMOVER
		:: body_is_refused(how) && !of_removers -> is_busy(how)
#else
		:: else -> is_busy(how)
#endif
		fi
	}
}

/*
 * flock LOCK_SH|LOCK_NB.  A process that is leaving refuses it; then the waiter
 * goes on without.
 */
inline presence_share()
{
	d_step {
		if
		:: my.alone == NONE -> my.sharers = my.sharers | bit(me); joined_0()
		:: else
		fi
	}
}

/*
 * flock LOCK_EX|LOCK_NB.  The kernel drops the shared lock first, and does not
 * restore it when it refuses the exclusive one.
 * rule: presence-keeps
 */
inline presence_is_alone()
{
#ifdef NO_PRESENCE
	got = true
#else
	my.sharers = my.sharers & ~bit(me);
	d_step {
#ifdef MUTANT_PRESENCE_IGNORED
		got = (my.alone == NONE || my.alone == me);
#else
		got = (my.sharers == 0 && (my.alone == NONE || my.alone == me));
#endif
		if
		:: got -> my.alone = me
		:: else
		fi
	}
#endif
}

/* flock LOCK_UN */
inline presence_unlock()
{
	d_step {
		my.sharers = my.sharers & ~bit(me);
		if
		:: my.alone == me -> my.alone = NONE
		:: else
		fi
	}
}

/*
 * A caller that meets a remover pauses.  Where the claim is that all leave in the
 * end, the pause is taken to last longer than the removal; without it both could
 * go on for ever in step: the caller has the tag when the remover wants byte 0, and
 * the remover has the body when the caller wants it.
 */
#ifdef SERVED
byte leaving;
#define pause()                 leaving == 0
#define leaves()                leaving = leaving | bit(me)
#define left()                  leaving = leaving & ~bit(me)
#else
#define pause()                 skip
#define leaves()                skip
#define left()                  skip
#endif
