/* SPDX-License-Identifier: 0BSD */
/*
 * A part of lockfile.pml: protocol.c, with lock_now, lock_waiting, acquire and leave,
 * and convert.c.
 */

/* ---- protocol.c: acquire --------------------------------------------- */

/*
 * Without waiting.  Among sharers only the body decides: the tag may be a
 * waiter's.  A body that only a remover has is not held.
 * rule: sharer-by-body
 */
inline lock_now()
{
#ifdef THREADS
	if
	:: sibling_holds -> got = true  /* it needs the tag in its mode */
	:: else -> tag_try(tag_mode)
	fi;
#else
	tag_try(tag_mode);
#endif
	answer = GOT;
	if
#ifdef MUTANT_SHARER_NEEDS_TAG
	:: !got ->
#else
	:: !got && is(SHARED) -> got = true
	:: !got && !is(SHARED) ->
#endif
		/* A remover's, for as long as its body is, or in passing. */
		test_body(mode);
		if
		:: got ->
			tag_try(tag_mode);
			if
			:: d_step { !got -> is_busy(mode) }
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	if
	:: got ->
		body_try(mode);
		if
		:: got -> answer = GOT
		:: else -> test_body(mode)
		fi
	:: else
	fi
}

/*
 * The tag, then the body without waiting.  If the body is refused, its holder
 * has lost its tag: then ours would name a waiter, and we give it back, but not
 * at once: the holder may have been killed.  That a later attempt is granted is
 * the same as a single one that comes late.
 * rule: keeper-without-presence, tag-given-back, place-given-back, patience
 */
inline lock_waiting()
{
#ifndef THREADS
	d_step { claim(TAG, !(my.tag & mine)) };
#endif
	if
#ifdef MUTANT_KEEPER_HAS_PRESENCE
	:: true -> presence_share()
#elif !defined NO_PRESENCE
	:: !is(KEEP) -> presence_share()
#endif
	:: else
	fi;
#ifdef THREADS
	may_wait_for_tag();
	if
	:: got -> tag_wait(tag_mode)
	:: else -> place_wait(tag_mode)
	fi;
#else
	tag_wait(tag_mode);
#endif
	if
	:: got ->
		body_try(mode);
#if defined PATIENT && !defined MUTANT_IMPATIENT
		/* The system shows whether a process is ending. */
		if
		:: !got -> dying == NONE; body_try(mode)
		:: else
		fi;
#endif
		if
		:: got -> answer = GOT
		:: !got && is(TIMED) -> answer = CANCELLED
		:: !got ->
#ifdef THREADS
			if
			:: my.place & mine ->
#ifdef MUTANT_PLACE_KEPT
				skip
#else
				place_unlock()
#endif
			:: else -> give_tag_back()
			fi;
#elif !defined MUTANT_TAG_KEPT
			give_tag_back();
#endif
			body_wait(mode, is(TIMED));
			answer = (got -> GOT : CANCELLED)
		fi
	:: else -> answer = CANCELLED
	fi
}

/* The claim is about the moment of the refusal. */
inline refusal_is_at()
{
	atomic {
#ifdef MUTANT_REFUSAL_UNVERIFIED
		got = true;
#else
		file_is_at();
#endif
		claim(HELD, !got || !(wrongly & bit(me)));
		wrongly = wrongly & ~bit(me)
	}
}

/*
 * GOT and BUSY count only if the path still names the file.  The first attempt
 * of a wait with a bound is made without waiting (LF_NO_WAIT_KEEP_OPEN); if it
 * is refused, the open file goes on as a waiter (LF_WAIT).
 * rule: verified, refusal-verified, first-tag-given-back
 */
inline acquire()
{
	waits = is(WAIT) && !is(TIMED);
	do
	:: if
	   :: !is_open -> file_open()
	   :: else
	   fi;
	   if
	   :: waits -> lock_waiting()
	   :: else -> lock_now()
	   fi;
	   if
	   :: answer == GOT ->
		atomic {
#ifndef MUTANT_NO_VERIFY
			file_is_at();
#endif
			if
			:: got -> enter(mode); have = mode
			:: else
			fi
		};
		if
		:: got -> table_hold(); break
		:: else ->
			body_unlock();
			presence_unlock();
			table_close()
		fi
	   :: answer == BUSY ->
		refusal_is_at();
		if
		:: got && is(TIMED) ->
			sharer_refused();
#ifndef MUTANT_FIRST_TAG_KEPT
			if
			:: has_tag[me] -> give_tag_back()
			:: else
			fi;
#endif
			waits = true
		:: got && !is(TIMED) -> break
		:: else -> table_close()
		fi
	   :: answer == REMOVER -> table_close(); pause()
	   :: answer == CANCELLED -> break
	   fi
	od
}

/* ---- convert.c ------------------------------------------------------- */

/*
 * At first without waiting; refused, with a bound where the caller may wait.
 * Then it has what it had: what the kernel granted at the last moment is given
 * back.  A process that holds the body for reading keeps all others from
 * unlinking, so the path need not be verified again.  Where it is refused byte 0,
 * which a foreign program may have beside the shared tag, it goes back, too.
 * rule: converted-in-place, conversion-bounded, conversion-undone
 */
inline convert_records()
{
#ifdef MUTANT_UPGRADE_WITH_GAP
	d_step { holders = by_others(holders); have = NOTHING };
	tag_unlock();
	body_unlock();
#endif
	body_try(WRITE);
	if
	:: !got && is(WAIT) ->
		tag_try(have);
#ifdef MUTANT_UPGRADE_UNBOUNDED
		body_wait(WRITE, false)
#else
		body_wait(WRITE, true)
#endif
	:: else
	fi;
	if
	:: got -> tag_try(WRITE)
	:: else -> tag_try(have); got = false
	fi
}

inline convert_finish()
{
	if
	:: got -> d_step { enter(WRITE); have = WRITE }
	:: else ->
#ifdef MUTANT_UPGRADE_LEAKS
		skip
#else
		body_try(have)          /* never refused */
#endif
	fi
}

inline convert_to_exclusive()
{
	convert_records();
	convert_finish()
}

/* The body is granted always, the tag unless it has been lost. */
inline convert_to_shared()
{
	d_step { holders = given(holders, READ); have = READ };
#ifdef MUTANT_DOWNGRADE_WITH_GAP
	body_unlock();
#endif
	body_try(READ);
	tag_try(READ)
}

/* ---- protocol.c: release, and giving up ------------------------------ */

/*
 * Only a process that holds the body exclusively at that moment unlinks.
 * Presence decides whether to remove, never whether that is safe.
 * rule: presence-then-body, second-look, body-dropped, body-to-unlink,
 * rule: path-to-unlink, unlocked-first, body-then-presence, drop-then-look,
 * rule: look-for-holder, looks-end
 */
inline leave(have)
{
	leaves();
#ifdef MUTANT_BODY_BEFORE_PRESENCE
	if
	:: have == NOTHING ->
		body_try_to_remove(have);
		if
		:: got -> have = WRITE
		:: else -> have = 255   /* a holder will remove it */
		fi
	:: else
	fi;
#endif
	do
#ifdef MUTANT_BODY_BEFORE_PRESENCE
	:: have == 255 -> break
	:: have != 255 ->
#else
	::
#endif
	   presence_is_alone();
	   if
	   :: !got && have == NOTHING ->
		break                   /* another process will remove it */
	   :: !got && have != NOTHING ->
#ifdef MUTANT_READ_KEPT_FOR_PRESENCE
		if
		:: have == READ
		:: else -> body_unlock()
		fi;
#else
		body_unlock();
#endif
		have = NOTHING;         /* look again, no longer in the way */
#ifdef MUTANT_NO_SECOND_LOOK
		break
#endif
	   :: got ->
		if
#ifdef MUTANT_UNLINK_WITH_READ
		:: have == READ
#endif
#ifdef MUTANT_GIVE_UP_WITHOUT_BODY
		:: have == NOTHING
#endif
		:: else -> body_try_to_remove(have)
		fi;
		if
		:: got ->
#ifdef MUTANT_UNLINK_WITHOUT_BODY
			body_unlock();
#endif
#ifndef MUTANT_UNLINK_UNCHECKED
			file_is_at();
#endif
			if
			:: got -> path_unlink(true)
			:: else
			fi;
#ifndef MUTANT_CLOSE_ALONE
#ifndef THREADS
			place_unlock();
#endif
			body_unlock();
			presence_unlock();
#endif
			break
		:: else ->
#ifdef MUTANT_PRESENCE_DROPPED_FIRST
			presence_unlock();
			body_unlock();
			have = NOTHING;
#elif defined MUTANT_READ_KEPT_FOR_LOOK
			if
			:: have == READ
			:: else -> body_unlock(); have = NOTHING
			fi;
#else
			body_unlock();
			have = NOTHING;
#endif
#ifdef MUTANT_LOOK_BEFORE_DROP
			body_test();
			presence_unlock();
#elif defined MUTANT_PRESENCE_DROPPED_FIRST
			body_test();
#else
			presence_unlock();
			body_test();
#endif
			if
#ifdef MUTANT_NO_LOOK_AFTER_REFUSAL
			:: break
#else
			:: !got -> break /* a holder will remove it */
#ifndef MUTANT_LOOK_FOR_EVER
			:: for_long -> break /* byte 0 is locked for long */
#endif
			:: else          /* none is left: look again */
#endif
			fi
		fi
	   fi
	od;
#ifdef THREADS
	body_unlock();
	presence_unlock();
#endif
	table_close()
}
