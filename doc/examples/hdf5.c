/* SPDX-License-Identifier: 0BSD */
/*
 * Four processes update one HDF5 file, which is its own lock file.
 *
 * Each update opens and closes the file twice: to read a number, and to write
 * the next one.  The lock survives that, because it belongs to a descriptor of
 * its own.  A lock of the process, by fcntl(2) with F_SETLKW or by lockf(3), is
 * dropped as soon as the process closes any descriptor of the file, as libhdf5
 * does.  --process-owned demonstrates it: updates overlap and are lost.
 *
 *     cc -o hdf5 hdf5.c \
 *             $(pkg-config --cflags --libs liblockfile-fcntl hdf5)
 *     ./hdf5 new.h5
 *     ./hdf5 --process-owned other.h5
 */
#include <fcntl.h>
#include <hdf5.h>
#include <lockfile-fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 4
#define UPDATES 20 /* by each */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "hdf5: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

/* --- The data: one number.  libhdf5 prints its own error messages. */

static bool create(const char *path)
{
	hid_t file = H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
	hid_t space, number;
	bool done;

	if (file < 0)
		return false;
	space = H5Screate(H5S_SCALAR);
	number = H5Dcreate2(file, "number", H5T_NATIVE_INT, space, H5P_DEFAULT,
			    H5P_DEFAULT, H5P_DEFAULT);
	done = number >= 0 && H5Dclose(number) >= 0;
	done = space >= 0 && H5Sclose(space) >= 0 && done;
	return H5Fclose(file) >= 0 && done;
}

static bool transfer(const char *path, int *value, bool writing)
{
	hid_t file = H5Fopen(path, writing ? H5F_ACC_RDWR : H5F_ACC_RDONLY,
			     H5P_DEFAULT);
	hid_t number;
	bool done;

	if (file < 0)
		return false;
	number = H5Dopen2(file, "number", H5P_DEFAULT);
	if (writing)
		done = H5Dwrite(number, H5T_NATIVE_INT, H5S_ALL, H5S_ALL,
				H5P_DEFAULT, value) >= 0;
	else
		done = H5Dread(number, H5T_NATIVE_INT, H5S_ALL, H5S_ALL,
			       H5P_DEFAULT, value) >= 0;
	done = number >= 0 && H5Dclose(number) >= 0 && done;
	return H5Fclose(file) >= 0 && done;
}

/* --- The update */

/* Counts overlapping updates, in memory that all processes share. */
struct witness {
	atomic_int inside;
	atomic_int overlaps;
};

/* Gives another process time to start an update, if the lock permits it. */
static void linger(struct witness *seen)
{
	struct timespec moment = { 0, 1000000 };

	for (int i = 0; i < 10 && atomic_load(&seen->inside) < 2; i++)
		nanosleep(&moment, NULL);
}

static void update(const char *path, struct witness *seen)
{
	int number;

	if (atomic_fetch_add(&seen->inside, 1) > 0)
		atomic_fetch_add(&seen->overlaps, 1);
	if (transfer(path, &number, false)) {
		linger(seen);
		number++;
		transfer(path, &number, true);
	}
	atomic_fetch_sub(&seen->inside, 1);
}

static int update_locked(const char *path, struct witness *seen)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, LF_KEEP);

	if (rc < 0)
		return fail(path, lf_strerror(rc));
	update(path, seen);
	lf_release(&lock);
	return EXIT_SUCCESS;
}

/* The wrong way: closing the data file drops this lock. */
static int update_process_owned(const char *path, struct witness *seen)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLKW, &whole) < 0) {
		perror("hdf5: lock of the process");
		return EXIT_FAILURE;
	}
	update(path, seen);
	close(fd);
	return EXIT_SUCCESS;
}

/* --- The processes */

typedef int updater(const char *path, struct witness *);

static int run(const char *path, struct witness *seen, updater *update_once)
{
	int status = EXIT_SUCCESS, ended;

	for (int i = 0; i < PROCESSES; i++) {
		switch (fork()) {
		case -1:
			perror("hdf5: fork");
			status = EXIT_FAILURE;
			break;
		case 0:
			for (int j = 0; j < UPDATES && status == 0; j++)
				status = update_once(path, seen);
			_exit(status);
		}
	}
	while (wait(&ended) > 0)
		if (ended != 0)
			status = EXIT_FAILURE;
	return status;
}

int main(int argc, char **argv)
{
	bool weak = argc > 1 && strcmp(argv[1], "--process-owned") == 0;
	const char *path = argv[argc - 1];
	struct witness *seen;
	int number, overlaps, status;

	if (argc != 2 + weak) {
		fprintf(stderr, "Usage: hdf5 [--process-owned] NEW-FILE\n");
		return EXIT_FAILURE;
	}
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED) {
		perror("hdf5: mmap");
		return EXIT_FAILURE;
	}
	if (!create(path))
		return fail(path, "cannot create the file");
	status = run(path, seen, weak ? update_process_owned : update_locked);
	if (!transfer(path, &number, false))
		return fail(path, "cannot read the file");
	overlaps = atomic_load(&seen->overlaps);
	printf("%d of %d updates, %d overlaps\n", number, PROCESSES * UPDATES,
	       overlaps);
	if (number != PROCESSES * UPDATES || overlaps > 0)
		status = EXIT_FAILURE;
	return status;
}
