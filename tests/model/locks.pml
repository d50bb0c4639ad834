/* SPDX-License-Identifier: 0BSD */
/*
 * locks.pml - a lock of the library as its callers see it, for one-waiter.pml and
 * slots.pml
 *
 * lockfile.pml shows that a lock excludes, that a waiter is served, and that nothing
 * stays when all have left.  So the files are left out here, and of the marks those are
 * kept that a caller may notice: the tag is locked before the body and unlocked before
 * it, and a caller that is refused the body has the tag until it closes the file.
 * Meanwhile another that does not wait is refused, though nobody holds the lock.
 *
 * A lock is one of LOCKS.  A process is a number, `me'; a wait with a bound is a wait
 * that may give up at any moment.
 */

#define NOBODY    15

byte tag[LOCKS] = NOBODY;
byte body[LOCKS] = NOBODY;

/*
 * lf_acquire without waiting.  That the library tries byte 0 four times is the same
 * as one attempt that comes late.
 */
inline lock_try(lock)
{
	d_step {
		got = (tag[lock] == NOBODY);
		if
		:: got -> tag[lock] = me
		:: else
		fi
	};
	if
	:: got ->
		d_step {
			got = (body[lock] == NOBODY);
			if
			:: got -> body[lock] = me
			:: else
			fi
		};
		if
		:: !got -> tag[lock] = NOBODY
		:: else
		fi
	:: else
	fi
}

/* lf_acquire; not got: it gave up. */
inline lock_wait(lock, bounded)
{
	if
	:: d_step { tag[lock] == NOBODY -> tag[lock] = me };
	   if
	   :: d_step { body[lock] == NOBODY -> body[lock] = me; got = true }
	   :: bounded -> tag[lock] = NOBODY; got = false
	   fi
	:: bounded -> got = false
	fi
}

/* lf_release */
inline lock_release(lock)
{
	tag[lock] = NOBODY;
	body[lock] = NOBODY
}

/* lf_check, of a lock of which nobody has the tag alone */
#define lock_is_held(lock)  (body[lock] != NOBODY)

/* What the kernel does with the locks of a killed process, in any order. */
inline locks_of_killed()
{
	byte lock_of_killed = 0;

	do
	:: lock_of_killed < LOCKS ->
		d_step {
			if
			:: tag[lock_of_killed] == me ->
				tag[lock_of_killed] = NOBODY
			:: else
			fi
		};
		d_step {
			if
			:: body[lock_of_killed] == me ->
				body[lock_of_killed] = NOBODY
			:: else
			fi;
			lock_of_killed++
		}
	:: else -> break
	od
}
