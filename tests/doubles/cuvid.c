/* Stands in for libcuda.so.1, libnvcuvid.so.1 and libnvidia-encode.so.1 (one file, all three). CUVID_DOUBLE says how it
 * behaves: h264 (8 bit H.264 only), all, none, hang (in the second question; when a session is opened), abort,
 * abort-at-start, no-device (cuInit 100), unknown (cuInit 999). CUDA_VISIBLE_DEVICES=-1 hides all devices (100), as the
 * driver's own library does. Of the encoder: no-encoder (2), too-many (21), old (interface 10.0, as a driver of 2020).
 * Compiled with -DNO_CAPS it lacks cuvidGetDecoderCaps, as drivers before 390 do, and the encoder's entry points. */
#include <stdint.h>
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

/* nvEncodeAPI.h: the list of functions by place, and what a session is opened with. */
struct functions { uint32_t version, reserved; void *at[318]; };
struct session {
    uint32_t version, device_type;
    void *device, *reserved;
    uint32_t interface, reserved1[253];
    void *reserved2[64];
};
typedef struct { uint32_t a; uint16_t b, c; uint8_t d[8]; } guid;
static const guid codecs[] = {
    { 0x790cdc88, 0x4522, 0x4d7b, { 0x94, 0x25, 0xbd, 0xa9, 0x97, 0x5f, 0x76, 0x03 } },
    { 0xffffffff, 1, 2, { 3 } },
    { 0x6bc82762, 0x4e63, 0x4ca4, { 0xaa, 0x85, 0x1e, 0x50, 0xf3, 0x21, 0xf6, 0xbf } },
    { 0x0a352289, 0x0aa7, 0x4759, { 0x86, 0x2d, 0x5d, 0x15, 0xcd, 0x16, 0xd2, 0x54 } },
};
/* 10.0 or 14.2 */
static uint32_t newest(void) { return is("old") ? 10 << 4 : (14 << 4 | 2); }
/* Programs speak the newest version that both know: 13.0 or 10.0. */
static uint32_t spoken(void) { return is("old") ? 10 : 13; }

int NvEncodeAPIGetMaxSupportedVersion(uint32_t *version) { *version = newest(); return 0; }

static int guids(void *encoder, guid *out, uint32_t room, uint32_t *count) {
    uint32_t there = is("old") ? 3 : is("h264") ? 1 : 4;
    if (encoder != (void *)0x2 || room < 4) return 6;
    memcpy(out, is("h264") ? codecs + 2 : codecs, there * sizeof *out);
    *count = there;
    return 0;
}
static int destroy(void *encoder) { return encoder == (void *)0x2 ? 0 : 6; }
static int open_session(struct session *with, void **encoder) {
    if (is("hang")) for (;;) pause();
    if (is("abort")) abort();
    if (with->version != (spoken() | 1u << 16 | 7u << 28) || with->interface != spoken()) return 15;
    if (with->device_type != 1 || with->device != (void *)0x1) return 4;
    *encoder = (void *)0x2;
    return is("no-encoder") ? 2 : is("too-many") ? 21 : 0;
}
int NvEncodeAPICreateInstance(struct functions *list) {
    if (list->version != (spoken() | 2u << 16 | 7u << 28)) return 15;
    list->at[4] = guids;
    list->at[27] = destroy;
    list->at[29] = open_session;
    return 0;
}
#endif
