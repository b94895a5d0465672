/* Moves the wall clock of one program: loaded before its libraries (LD_PRELOAD), it adds the seconds that stand in the
 * first eight bytes of the file WALL_CLOCK_FILE, which a test may change at any time. The steady clock is left alone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t const* seconds;

__attribute__((constructor)) static void map_file(void) {
  char const* const name = getenv("WALL_CLOCK_FILE");
  int const file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void* const mapped = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) seconds = mapped;
  close(file);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec* out) {
  int const failed = (int)syscall(SYS_clock_gettime, clock, out);
  if (failed == 0 && seconds != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    out->tv_sec += __atomic_load_n(seconds, __ATOMIC_RELAXED);
  return failed;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval* restrict out, void* restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

__attribute__((visibility("default"))) time_t time(time_t* out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}
