/*
 * A camera's driver that misbehaves, for the child that asks it. Preloaded, it answers for the one node that
 * DOUBLE_NODE names; DOUBLE_DOES is how:
 *   hang-open     open never returns
 *   hang          open returns, no ioctl does
 *   hang-formats  all but the list of formats is answered
 *   abort         the first ioctl ends the process, as a broken library would
 *   odd-name      a card's name that is not UTF-8 and has control characters
 *   endless       lists that never end
 *
 *   cc -shared -fPIC -o v4l2.so v4l2.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int node = -1;

static int does(const char *what) {
  const char *chosen = getenv("DOUBLE_DOES");
  return chosen && strcmp(chosen, what) == 0;
}

static int open_node(const char *path, int flags, mode_t mode) {
  const char *wanted = getenv("DOUBLE_NODE");
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  if (!wanted || strcmp(path, wanted) != 0) return real(path, flags, mode);
  if (does("hang-open")) for (;;) pause();
  node = real("/dev/null", O_RDWR | O_CLOEXEC);
  return node;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return open_node(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return open_node(path, flags, mode);
}

static long answer(unsigned long request, void *argument) {
  if (does("hang")) for (;;) pause();
  if (does("abort")) abort();
  if (request == VIDIOC_QUERYCAP) {
    struct v4l2_capability *capability = argument;
    memset(capability, 0, sizeof *capability);
    strcpy((char *)capability->driver, "uvcvideo");
    strcpy((char *)capability->card, "A camera");
    if (does("odd-name")) memcpy(capability->card, "Caf\xe9\x1b[31m \xff\xfe cam without an end!!", 32);
    strcpy((char *)capability->bus_info, "usb-0000:00:14.0-4");
    capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    capability->capabilities = capability->device_caps | V4L2_CAP_META_CAPTURE | V4L2_CAP_DEVICE_CAPS;
    return 0;
  }
  if (request == VIDIOC_REQBUFS) return 0;
  if (request == VIDIOC_ENUM_FMT && does("hang-formats")) for (;;) pause();
  if (does("endless")) {
    if (request == VIDIOC_ENUM_FMT) ((struct v4l2_fmtdesc *)argument)->pixelformat = V4L2_PIX_FMT_MJPEG;
    if (request == VIDIOC_ENUM_FRAMESIZES) ((struct v4l2_frmsizeenum *)argument)->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    if (request == VIDIOC_ENUM_FRAMEINTERVALS) ((struct v4l2_frmivalenum *)argument)->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    return 0;
  }
  errno = EINVAL;
  return -1;
}

/* The v4l crate calls ioctl by its number. */
long syscall(long number, ...) {
  static long (*real)(long, long, long, long, long, long, long);
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_ioctl && node >= 0 && (int)a[0] == node) return answer((unsigned long)a[1], (void *)a[2]);
  if (!real) real = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
