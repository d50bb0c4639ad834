/* SPDX-License-Identifier: 0BSD */
/*
 * A part of lockfile.pml: which processes take part; -DSCENARIO_NAME chooses one.
 * The first process of all starts them, and checks what they have left.
 */

#define ours(number, kind)   comes(kind); run process(number, kind)
#define borrows(number, kind) comes(KEEP); run borrower(number, kind + KEEP)
#define theirs(number, kind) comes(kind); run original(number, kind)
#define foreigner(number, part, how)                                     \
	comes(KEEP); run foreign(number, part, how)
#define flocks(number, kind) comes(KEEP); run flock_too(number, kind + KEEP)
#define flock_alone(number, kind) comes(KEEP); run flock_user(number, kind + KEEP)
#define flock_and_records(number, order) comes(KEEP); run both_user(number, order)
/* rule: network-stays */
#ifdef MUTANT_NETWORK_REMOVES
#define STAYS     0
#else
#define STAYS     KEEP
#endif
#define from_elsewhere()     comes(KEEP); run elsewhere()
#define comes(kind)          running++; kept = kept || ((kind) & KEEP)

inline cast()
{
#if defined SCENARIO_REMOVE
	ours(0, WAIT); ours(1, WAIT); ours(2, NO_WAIT); theirs(3, WAIT)
#elif defined SCENARIO_GIVE_UP
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT); theirs(3, WAIT)
#elif defined SCENARIO_AGAIN
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); ours(2, NO_WAIT + AGAIN)
#elif defined SCENARIO_ORIGINAL
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); theirs(2, WAIT + AGAIN)
#elif defined SCENARIO_KEEP
	ours(0, WAIT + KEEP); ours(1, TIMED); theirs(2, WAIT);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_KEEP_TIMED
	ours(0, TIMED + KEEP); ours(1, TIMED); ours(2, NO_WAIT + KEEP);
	theirs(3, WAIT)
#elif defined SCENARIO_STRAY
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT);
	run stray(0); run stray(1); run stray(2)
#elif defined SCENARIO_STRAY_AGAIN
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); theirs(2, WAIT);
	run stray(0); run stray(1)
#elif defined SCENARIO_FORK
	ours(0, WAIT + DAEMON); ours(1, TIMED + DAEMON); ours(2, NO_WAIT)
#elif defined SCENARIO_KILL
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT);
	run killer(0); run killer(1)
#elif defined SCENARIO_KILL_MIXED
	ours(0, WAIT); ours(1, NO_WAIT); theirs(2, WAIT);
	run killer(0); run killer(1); run killer(2)
#elif defined SCENARIO_KILL_FORK
	ours(0, WAIT + FORK); ours(1, TIMED); ours(2, NO_WAIT); run killer(0)
#elif defined SCENARIO_TWO_NO_WAIT
	ours(0, NO_WAIT); ours(1, NO_WAIT); run stray(0); run stray(1)
#elif defined SCENARIO_TIMED_NO_WAIT
	ours(0, TIMED); ours(1, NO_WAIT); ours(2, NO_WAIT)
#elif defined SCENARIO_FOUR_NO_WAIT
	ours(0, NO_WAIT); ours(1, NO_WAIT); ours(2, NO_WAIT); ours(3, NO_WAIT)
#elif defined SCENARIO_SERVED
	ours(0, WAIT); ours(1, WAIT); ours(2, TIMED)
#elif defined SCENARIO_SERVED_MIXED
	ours(0, WAIT); ours(1, NO_WAIT); theirs(2, WAIT); theirs(3, WAIT + KEEP)
#elif defined SCENARIO_SERVED_KILL
	ours(0, WAIT + FORK); ours(1, WAIT); run killer(0); run stray(0)
#elif defined SCENARIO_QUEUED
	ours(0, WAIT); ours(1, WAIT + AGAIN); ours(2, NO_WAIT + AGAIN)
#elif defined SCENARIO_QUEUED_STRAY
	ours(0, WAIT); ours(1, TIMED + AGAIN); run stray(0); run stray(1)
#elif defined SCENARIO_SHARED
	ours(0, WAIT + SHARED); ours(1, WAIT); ours(2, SHARED); ours(3, NO_WAIT)
#elif defined SCENARIO_SHARED_GIVE_UP
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, TIMED)
#elif defined SCENARIO_SHARED_ALONE
	ours(0, WAIT + SHARED); ours(1, SHARED); ours(2, SHARED)
#elif defined SCENARIO_SHARED_AGAIN
	ours(0, WAIT + SHARED + AGAIN); ours(1, SHARED + AGAIN);
	ours(2, WAIT + AGAIN)
#elif defined SCENARIO_SHARED_ORIGINAL
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, NO_WAIT);
	theirs(3, WAIT)
#elif defined SCENARIO_SHARED_KEEP
	ours(0, WAIT + SHARED + KEEP); ours(1, TIMED + SHARED); ours(2, WAIT);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_SHARED_STRAY
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT);
	run stray(0); run stray(1); run stray(2)
#elif defined SCENARIO_SHARED_FORK
	ours(0, WAIT + SHARED + DAEMON); ours(1, TIMED + SHARED + DAEMON);
	ours(2, WAIT)
#elif defined SCENARIO_SHARED_KILL
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT);
	run killer(0)
#elif defined SCENARIO_CONVERT
	ours(0, WAIT + SHARED + CONVERT); ours(1, WAIT + CONVERT);
	ours(2, TIMED)
#elif defined SCENARIO_CONVERT_SHARED
	ours(0, WAIT + SHARED + CONVERT); ours(1, TIMED + CONVERT);
	ours(2, TIMED + SHARED)
#elif defined SCENARIO_UPGRADE
	ours(0, WAIT + SHARED + CONVERT); ours(1, WAIT + SHARED + CONVERT);
	ours(2, WAIT)
#elif defined SCENARIO_CONVERT_AGAIN
	ours(0, WAIT + SHARED + CONVERT + AGAIN); ours(1, TIMED + CONVERT + AGAIN)
#elif defined SCENARIO_CONVERT_THREE_AGAIN
	ours(0, WAIT + SHARED + CONVERT + KEEP + AGAIN);
	ours(1, TIMED + CONVERT + KEEP + AGAIN); ours(2, NO_WAIT + KEEP + AGAIN)
#elif defined SCENARIO_CONVERT_FOREIGN_0
	ours(0, WAIT + SHARED + CONVERT + KEEP); ours(1, TIMED + KEEP);
	foreigner(2, BYTE_0, READ)
#elif defined SCENARIO_CONVERT_ORIGINAL
	ours(0, WAIT + SHARED + CONVERT); ours(1, TIMED + CONVERT);
	theirs(2, WAIT)
#elif defined SCENARIO_CONVERT_KEEP
	ours(0, WAIT + SHARED + CONVERT + KEEP); ours(1, WAIT + CONVERT);
	theirs(2, WAIT); theirs(3, WAIT + KEEP)
#elif defined SCENARIO_CONVERT_STRAY
	ours(0, WAIT + SHARED + CONVERT); ours(1, SHARED + CONVERT); ours(2, WAIT);
	run stray(0); run stray(1)
#elif defined SCENARIO_CONVERT_FORK
	ours(0, WAIT + SHARED + CONVERT + DAEMON); ours(1, TIMED + CONVERT);
	ours(2, NO_WAIT)
#elif defined SCENARIO_CONVERT_KILL
	ours(0, WAIT + SHARED + CONVERT); ours(1, WAIT + CONVERT);
	run killer(0); run killer(1)
#elif defined SCENARIO_TWO_NO_WAIT_SHARED
	ours(0, SHARED); ours(1, NO_WAIT); run stray(0); run stray(1)
#elif defined SCENARIO_THREE_NO_WAIT_SHARED
	ours(0, SHARED); ours(1, SHARED); ours(2, NO_WAIT)
#elif defined SCENARIO_SHARERS
	ours(0, SHARED + KEEP); ours(1, SHARED + KEEP);
	ours(2, WAIT + SHARED + KEEP);
	run stray(0); run stray(1); run stray(2)
#elif defined SCENARIO_SHARERS_REMOVE
	ours(0, SHARED); ours(1, SHARED); ours(2, TIMED + SHARED)
#elif defined SCENARIO_SERVED_SHARED
	ours(0, WAIT + SHARED); ours(1, WAIT); ours(2, TIMED + SHARED)
#elif defined SCENARIO_SERVED_CONVERT
	ours(0, WAIT); ours(1, WAIT + SHARED + CONVERT); ours(2, SHARED + CONVERT)
#elif defined SCENARIO_SERVED_SHARED_MIXED
	ours(0, WAIT + SHARED); ours(1, WAIT + SHARED + CONVERT); theirs(2, WAIT)
#elif defined SCENARIO_QUEUED_SHARED
	ours(0, WAIT + SHARED); ours(1, TIMED + AGAIN); run stray(0);
	run stray(1)
#elif defined SCENARIO_QUEUED_SHARER
	ours(0, WAIT); ours(1, TIMED + SHARED + AGAIN); run stray(0);
	run stray(1)
#elif defined SCENARIO_QUEUED_CONVERT
	ours(0, WAIT); ours(1, WAIT + SHARED + CONVERT + AGAIN)
#elif defined SCENARIO_KILL_QUEUE
	ours(0, WAIT); ours(1, WAIT); ours(2, WAIT); run killer(0)
#elif defined SCENARIO_KILL_AGAIN
	ours(0, WAIT + KEEP); ours(1, WAIT + KEEP + AGAIN);
	ours(2, NO_WAIT + KEEP + AGAIN); run killer(0)
#elif defined SCENARIO_FOREIGN_GAP
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, GAP, WRITE)
#elif defined SCENARIO_FOREIGN_GAP_READ
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, GAP, READ)
#elif defined SCENARIO_SERVED_FOREIGN_0
	ours(0, SHARED); ours(1, SHARED); foreigner(2, BYTE_0, WRITE)
#elif defined SCENARIO_SERVED_FOREIGN_BODY
	ours(0, NO_WAIT); ours(1, TIMED); foreigner(2, BODY, READ)
#elif defined SCENARIO_FOREIGN_0
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, BYTE_0, WRITE)
#elif defined SCENARIO_FOREIGN_0_READ
	ours(0, WAIT); ours(1, SHARED); foreigner(2, BYTE_0, READ)
#elif defined SCENARIO_FOREIGN_0_STRAY
	ours(0, WAIT); ours(1, TIMED); foreigner(2, BYTE_0, WRITE); run stray(0)
#elif defined SCENARIO_FOREIGN_END
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, FAR_END, WRITE)
#elif defined SCENARIO_FOREIGN_END_READ
	ours(0, WAIT + SHARED); ours(1, TIMED); foreigner(2, FAR_END, READ)
#elif defined SCENARIO_THREADS
	ours(0, WAIT); ours(1, WAIT); ours(2, WAIT)
#elif defined SCENARIO_THREADS_TIMED
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT)
#elif defined SCENARIO_THREADS_SHARED
	ours(0, SHARED); ours(1, WAIT); ours(2, WAIT)
#elif defined SCENARIO_BORROW
	borrows(0, WAIT); borrows(1, WAIT); ours(2, TIMED)
#elif defined SCENARIO_BORROW_TIMED
	borrows(0, TIMED); borrows(1, NO_WAIT); ours(2, WAIT + SHARED);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_THREADS_BORROW
	ours(0, WAIT + KEEP); borrows(1, WAIT); ours(2, WAIT + KEEP)
#elif defined SCENARIO_THREADS_END
	ours(0, SHARED); ours(1, WAIT); ours(2, WAIT); foreigner(3, FAR_END, WRITE)
#elif defined SCENARIO_FLOCK
	flocks(0, WAIT); flocks(1, WAIT); flocks(2, WAIT)
#elif defined SCENARIO_FLOCK_SHARED
	flocks(0, WAIT + SHARED); flocks(1, WAIT); flocks(2, WAIT + SHARED)
#elif defined SCENARIO_FLOCK_AGAIN
	flocks(0, WAIT + AGAIN); flocks(1, TIMED + AGAIN); flocks(2, AGAIN)
#elif defined SCENARIO_FLOCK_SHARED_AGAIN
	flocks(0, WAIT + SHARED + AGAIN); flocks(1, TIMED + AGAIN);
	flock_alone(2, WAIT + AGAIN)
#elif defined SCENARIO_FLOCK_REMOVE_AGAIN
	flocks(0, WAIT + AGAIN); flocks(1, AGAIN); ours(2, WAIT + AGAIN)
#elif defined SCENARIO_FLOCK_CONVERT
	flocks(0, WAIT + SHARED + CONVERT); flocks(1, WAIT + CONVERT);
	flock_alone(2, WAIT + SHARED); flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_CONVERT_AGAIN
	flocks(0, WAIT + SHARED + CONVERT + AGAIN); flocks(1, TIMED + CONVERT + AGAIN);
	flock_alone(2, WAIT + SHARED + AGAIN)
#elif defined SCENARIO_FLOCK_REMOVE
	flocks(0, WAIT); flocks(1, TIMED); ours(2, WAIT)
#elif defined SCENARIO_FLOCK_USER
	flocks(0, WAIT); flocks(1, TIMED); flock_alone(2, WAIT);
	ours(3, NO_WAIT + KEEP)
#elif defined SCENARIO_FLOCK_USER_SHARED
	flocks(0, WAIT + SHARED); flocks(1, NO_WAIT); flock_alone(2, WAIT + SHARED);
	flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_RECORDS_FIRST
	flocks(0, WAIT); flocks(1, TIMED); flock_and_records(2, RECORDS_FIRST);
	flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_FLOCK_FIRST
	flocks(0, WAIT); flocks(1, TIMED); flock_and_records(2, FLOCK_FIRST);
	flock_alone(3, WAIT)
#elif defined SCENARIO_FLOCK_KILL
	flocks(0, WAIT); flocks(1, WAIT); flock_alone(2, WAIT); run killer(0)
#elif defined SCENARIO_SERVED_FLOCK
	flocks(0, WAIT); flocks(1, WAIT); flock_alone(2, WAIT)
#elif defined SCENARIO_SERVED_FLOCK_MIXED
	flocks(0, WAIT); flocks(1, WAIT); ours(2, WAIT)
#elif defined SCENARIO_NETWORK
	ours(0, WAIT + STAYS); ours(1, TIMED + STAYS); ours(2, STAYS);
	theirs(3, WAIT + KEEP)
#elif defined SCENARIO_NETWORK_SHARED
	ours(0, WAIT + SHARED + STAYS); ours(1, TIMED + SHARED + STAYS);
	ours(2, WAIT + STAYS); theirs(3, WAIT + KEEP)
#elif defined SCENARIO_NETWORK_AGAIN
	ours(0, WAIT + KEEP + AGAIN); ours(1, TIMED + SHARED + KEEP + AGAIN);
	ours(2, KEEP + AGAIN)
#elif defined SCENARIO_FUSE
	ours(0, WAIT + KEEP + AGAIN); ours(1, TIMED + SHARED + KEEP + AGAIN);
	ours(2, KEEP + AGAIN); from_elsewhere()
#elif defined SCENARIO_OF_PROCESS_AGAIN
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); ours(2, NO_WAIT + AGAIN)
#elif defined SCENARIO_NO_PRESENCE_AGAIN
	ours(0, WAIT + AGAIN); ours(1, TIMED + AGAIN); ours(2, NO_WAIT + AGAIN)
#elif defined SCENARIO_OF_PROCESS
	ours(0, WAIT); ours(1, TIMED); ours(2, NO_WAIT); theirs(3, WAIT)
#elif defined SCENARIO_OF_PROCESS_SHARED
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT)
#elif defined SCENARIO_OF_PROCESS_KEEP
	ours(0, WAIT + KEEP + AGAIN); ours(1, TIMED + KEEP); theirs(2, WAIT + KEEP)
#elif defined SCENARIO_SERVED_OF_PROCESS
	ours(0, WAIT); ours(1, WAIT); theirs(2, WAIT)
#elif defined SCENARIO_NO_PRESENCE
	ours(0, WAIT); ours(1, WAIT); ours(2, TIMED)
#elif defined SCENARIO_NO_PRESENCE_SHARED
	ours(0, WAIT + SHARED); ours(1, TIMED + SHARED); ours(2, WAIT)
#else
#error "name a scenario"
#endif
}

/* The owners that do not refuse process 0, in queued_is_served. */
#ifdef SCENARIO_QUEUED_SHARED
#define ADMITS_0 15             /* all readers */
#else
#define ADMITS_0 0              /* none */
#endif

init
{
	byte i;

	atomic {
		if
		:: path = NONE
		:: path = 0             /* left behind earlier */
		fi;
		cast()
	};
	running == 0 ->
	all_left = true;
	d_step {
#ifndef KILLED
		claim(GONE, path == NONE || kept);
#endif
#ifdef ALL_MAY_FAIL
		claim(ONE_WINS, won);
#endif
		do
		:: i < INODES ->
			claim(CLEAN, inodes[i].tag == 0 &&
			    inodes[i].place == 0 && inodes[i].body == 0 &&
			    inodes[i].gap == 0 && inodes[i].far_end == 0 &&
			    inodes[i].sharers == 0 &&
			    inodes[i].alone == NONE);
			i++
		:: else -> break
		od
	}
}
