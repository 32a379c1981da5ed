/* Stands in for libcuda.so.1 and libnvcuvid.so.1 (one file, both libraries). CUVID_DOUBLE says how it behaves:
 * h264 (8 bit H.264 only), all, none, hang (in the second question), abort, abort-at-start, no-device (cuInit 100), unknown (cuInit 999). CUDA_VISIBLE_DEVICES=-1 hides
 * all devices (100), as the driver's own library does.
 * Compiled with -DNO_CAPS it lacks cuvidGetDecoderCaps, as drivers before 390 do. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is(const char *mode) {
    const char *set = getenv("CUVID_DOUBLE");
    return set && !strcmp(set, mode);
}

int cuInit(unsigned flags) {
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    (void)flags;
    if (is("abort-at-start"))
        abort();
    if (visible && !strcmp(visible, "-1"))
        return 100;
    return is("no-device") ? 100 : is("unknown") ? 999 : 0;
}

int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return 0;
}

int cuDeviceGetName(char *name, int length, int device) {
    (void)device;
    strncpy(name, "NVIDIA Double \xff", (size_t)length);
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    (void)device;
    *context = (void *)0x1;
    return 0;
}

int cuCtxSetCurrent(void *context) { return context ? 0 : 1; }

#ifndef NO_CAPS
struct caps {
    int codec, chroma;
    unsigned depth, reserved1[3];
    unsigned char supported, engines;
    unsigned short formats;
    unsigned width, height, blocks;
    unsigned short min_width, min_height;
    unsigned char histogram, counter;
    unsigned short bins;
    unsigned reserved3[10];
};

int cuvidGetDecoderCaps(struct caps *caps) {
    static int asked;
    asked++;
    if (is("hang") && asked == 3)
        for (;;)
            pause();
    if (is("abort"))
        abort();
    caps->supported = is("all") || is("hang") || (is("h264") && caps->codec == 4 && caps->depth == 0);
    caps->engines = caps->supported ? 3 : 0;
    caps->width = 8192;
    caps->height = 4096;
    return 0;
}
#endif
