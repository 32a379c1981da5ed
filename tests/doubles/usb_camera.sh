#!/usr/bin/env bash
# usb_camera.sh PROGRAM: plugs a USB camera (640x480, MJPG and YUYV) into the running kernel: the gadget framework's function
# uvc on the device half of USB/IP (usbip-vudc), joined to the host half (vhci_hcd) by a local connection. PROGRAM is
# uvc_gadget.c, built; it runs on. For the lab's guest, as root.
set -euo pipefail

modprobe -a usbip-vudc vhci-hcd libcomposite usb_f_uvc
mountpoint -q /sys/kernel/config || mount -t configfs config /sys/kernel/config
gadget=/sys/kernel/config/usb_gadget/camera
function=$gadget/functions/uvc.0
mkdir -p "$gadget/strings/0x409" "$gadget/configs/c.1" "$function"
echo 0x1d6b >"$gadget/idVendor"
echo 0x0104 >"$gadget/idProduct"
echo 'gdoctor' >"$gadget/strings/0x409/manufacturer"
echo 'Lab Camera' >"$gadget/strings/0x409/product"
echo 0001 >"$gadget/strings/0x409/serialnumber"

cd "$function"
mkdir -p control/header/h streaming/mjpeg/m/480p streaming/uncompressed/u/480p streaming/header/h
for frame in streaming/mjpeg/m/480p streaming/uncompressed/u/480p; do
  echo 640 >$frame/wWidth
  echo 480 >$frame/wHeight
  echo 333333 >$frame/dwFrameInterval
  echo 614400 >$frame/dwMaxVideoFrameBufferSize
done
ln -s streaming/mjpeg/m streaming/header/h/m
ln -s streaming/uncompressed/u streaming/header/h/u
for speed in fs ss; do ln -s control/header/h control/class/$speed/h; done
for speed in fs hs ss; do ln -s streaming/header/h streaming/class/$speed/h; done
ln -s "$function" "$gadget/configs/c.1/uvc.0"

before=$(mktemp)
printf "%s\n" /dev/video* >"$before"
echo usbip-vudc.0 >"$gadget/UDC"
udevadm settle
node=$(printf "%s\n" /dev/video* | grep -vxFf "$before" | head -n 1)
ready=$(mktemp -u)
mkfifo "$ready"
setsid "$1" "$node" </dev/null >"$ready" 2>&1 &
# It says so when it takes part; without it the gadget would not connect.
read -r _ <"$ready"

# Both halves take a connected socket each; what runs over it is theirs.
python3 - <<'PY'
import socket
listener = socket.create_server(("127.0.0.1", 0))
host = socket.create_connection(listener.getsockname())
device, _ = listener.accept()
open("/sys/devices/platform/usbip-vudc.0/usbip_sockfd", "w").write(f"{device.fileno()}\n")
HIGH_SPEED = 3
open("/sys/devices/platform/vhci_hcd.0/attach", "w").write(f"0 {host.fileno()} {1 << 16 | 2} {HIGH_SPEED}\n")
PY
