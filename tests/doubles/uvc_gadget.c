/*
 * The camera's half of a USB camera (function uvc of the USB gadget framework): answers what the host's uvcvideo
 * asks before it makes a video node. It never delivers a picture. Without it the gadget is not even connected.
 *
 * It says "ready" when it listens.
 *
 *   cc -o uvc_gadget uvc_gadget.c && ./uvc_gadget /dev/videoN
 */
#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usb/g_uvc.h>
#include <linux/usb/video.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static struct uvc_streaming_control control = {
  .bmHint = 1, .bFormatIndex = 1, .bFrameIndex = 1, .dwFrameInterval = 333333,
  .dwMaxVideoFrameSize = 640 * 480 * 2, .dwMaxPayloadTransferSize = 1024,
};

static void reply(int device, const struct usb_ctrlrequest *request) {
  struct uvc_request_data response = {.length = -1}; /* a stall: not supported */
  int streaming = (request->wValue >> 8) == UVC_VS_PROBE_CONTROL || (request->wValue >> 8) == UVC_VS_COMMIT_CONTROL;
  if (streaming && (request->wIndex & 0xff) == 1) switch (request->bRequest) {
    case UVC_SET_CUR: response.length = request->wLength; break;
    case UVC_GET_INFO: response.length = 1; response.data[0] = 3; break;
    case UVC_GET_LEN: response.length = 2; response.data[0] = sizeof control; break;
    default:
      response.length = request->wLength < sizeof control ? request->wLength : sizeof control;
      memcpy(response.data, &control, response.length);
  }
  ioctl(device, UVCIOC_SEND_RESPONSE, &response);
}

int main(int count, char **arguments) {
  int device = count > 1 ? open(arguments[1], O_RDWR) : -1;
  if (device < 0) { perror("open"); return 1; }
  struct v4l2_event_subscription wanted = {0};
  for (wanted.type = UVC_EVENT_FIRST; wanted.type <= UVC_EVENT_LAST; wanted.type++)
    if (ioctl(device, VIDIOC_SUBSCRIBE_EVENT, &wanted)) { perror("subscribe"); return 1; }
  puts("ready");
  fflush(stdout);
  for (;;) {
    fd_set events;
    FD_ZERO(&events);
    FD_SET(device, &events);
    if (select(device + 1, NULL, NULL, &events, NULL) < 0) return 1;
    struct v4l2_event event = {0};
    if (ioctl(device, VIDIOC_DQEVENT, &event)) continue;
    if (event.type == UVC_EVENT_SETUP) reply(device, &((struct uvc_event *)event.u.data)->req);
  }
}
