/*
 * A camera's driver that misbehaves, for the child that asks it. Preloaded, it answers for the one node that
 * DOUBLE_NODE names; DOUBLE_DOES is how:
 *   hang-open     open never returns
 *   hang          open returns, no ioctl does
 *   hang-formats  all but the list of formats is answered
 *   abort         the first ioctl ends the process, as a broken library would
 *   odd-name      a card's name that is not UTF-8 and has control characters
 *   endless       lists that never end
 * and with a picture of the format MJPG in the file DOUBLE_PICTURE, how it streams:
 *   stream        one picture after another
 *   hang-stream   the stream starts, waiting for a picture never ends
 *   silent        the stream starts, no picture comes
 *   stops         one picture comes
 *   damaged       each picture is marked as damaged
 *   gone          unplugged after the first picture
 *   no-bandwidth  the bus has no room
 *   taken         another program was faster
 *   refused       the driver cannot stream
 *
 *   cc -shared -fPIC -o v4l2.so v4l2.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BUFFERS = 4, ROOM = 64 << 10 };

static int node = -1;
static unsigned room, used, queued, sequence;

static int does(const char *what) {
  const char *chosen = getenv("DOUBLE_DOES");
  return chosen && strcmp(chosen, what) == 0;
}

/* The buffers: the node's own memory holds the picture at the place of each. */
static void fill(void) {
  const char *picture = getenv("DOUBLE_PICTURE");
  static char bytes[ROOM];
  if (!picture) return;
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  int file = real(picture, O_RDONLY | O_CLOEXEC);
  ssize_t count = file < 0 ? -1 : read(file, bytes, sizeof bytes);
  if (count <= 0 || ftruncate(node, BUFFERS * ROOM)) abort();
  close(file);
  used = count;
  for (int i = 0; i < BUFFERS; i++)
    if (pwrite(node, bytes, used, i * ROOM) != count) abort();
}

static int open_node(const char *path, int flags, mode_t mode) {
  const char *wanted = getenv("DOUBLE_NODE");
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  if (!wanted || strcmp(path, wanted) != 0) return real(path, flags, mode);
  if (does("hang-open")) for (;;) pause();
  node = memfd_create("camera", MFD_CLOEXEC);
  fill();
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

static int fails(int error) {
  errno = error;
  return -1;
}

static long stream(unsigned long request, void *argument) {
  struct v4l2_format *format = argument;
  struct v4l2_buffer *buffer = argument;
  switch (request) {
    case VIDIOC_G_FMT: case VIDIOC_S_FMT:
      if (request == VIDIOC_S_FMT && does("taken")) return fails(EBUSY);
      format->fmt.pix = (struct v4l2_pix_format){
        .width = 64, .height = 48, .pixelformat = V4L2_PIX_FMT_MJPEG, .field = V4L2_FIELD_NONE, .sizeimage = ROOM,
      };
      return 0;
    case VIDIOC_ENUM_FMT: {
      struct v4l2_fmtdesc *one = argument;
      if (one->index > 0) return fails(EINVAL);
      one->pixelformat = V4L2_PIX_FMT_MJPEG;
      one->flags = V4L2_FMT_FLAG_COMPRESSED;
      return 0;
    }
    case VIDIOC_REQBUFS: {
      struct v4l2_requestbuffers *wanted = argument;
      if (wanted->count > 0 && does("taken")) return fails(EBUSY);
      wanted->count = room = wanted->count > BUFFERS ? BUFFERS : wanted->count;
      return 0;
    }
    case VIDIOC_QUERYBUF:
      if (buffer->index >= room) return fails(EINVAL);
      buffer->length = ROOM;
      buffer->m.offset = buffer->index * ROOM;
      return 0;
    case VIDIOC_QBUF:
      if (buffer->index >= room) return fails(EINVAL);
      queued++;
      return 0;
    case VIDIOC_STREAMON: return does("no-bandwidth") ? fails(ENOSPC) : does("refused") ? fails(EPIPE) : 0;
    case VIDIOC_STREAMOFF: return 0;
    case VIDIOC_DQBUF:
      if (does("gone") && sequence > 0) return fails(ENODEV);
      if (queued == 0) return fails(EAGAIN);
      queued--;
      buffer->index = sequence % room;
      buffer->bytesused = used;
      buffer->flags = does("damaged") ? V4L2_BUF_FLAG_ERROR : 0;
      buffer->sequence = sequence++;
      return 0;
  }
  return fails(EINVAL);
}

/* A picture every hundredth of a second. */
int poll(struct pollfd *files, nfds_t count, int timeout) {
  static int (*real)(struct pollfd *, nfds_t, int);
  if (!real) real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
  if (count != 1 || node < 0 || files[0].fd != node) return real(files, count, timeout);
  if (does("hang-stream")) for (;;) pause();
  if (does("silent") || (does("stops") && sequence > 0)) return real(NULL, 0, timeout);
  real(NULL, 0, timeout < 10 ? timeout : 10);
  files[0].revents = POLLIN;
  return 1;
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
  if (getenv("DOUBLE_PICTURE")) return stream(request, argument);
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
