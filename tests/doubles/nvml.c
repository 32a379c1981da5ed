/* Stands in for libnvidia-ml.so.1 in tests: the entry points that gdoctor calls, answering what the file named by NVML_DOUBLE,
 * or by ANSWERS where it was compiled in, says. Lines are `KEY = VALUE`: `gpus = 2`, `gpu1.name = NVIDIA H100`. A value `!15` makes the call return code 15; `hang`
 * never returns; `abort` ends the process; a key that is not there makes the call "not supported" (3).
 * Compiled with -DOLD it lacks what drivers before 510 lack. Signatures: nvml.h of the driver. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GPUS = 64, NOT_SUPPORTED = 3, NO_SUCH = 6 };

typedef struct { int index, instance; } device;
static device devices[GPUS];

/* The value of a key, without its line end; NULL when it is not there. */
static const char *value(const char *key) {
  static char line[4096];
  const char *path = getenv("NVML_DOUBLE");
#ifdef ANSWERS
  if (!path) path = ANSWERS;
#endif
  FILE *file = path ? fopen(path, "r") : NULL;
  if (!file) return NULL;
  size_t length = strlen(key);
  const char *found = NULL;
  while (!found && fgets(line, sizeof line, file)) {
    if (strncmp(line, key, length) == 0 && strncmp(line + length, " = ", 3) == 0) {
      line[strcspn(line, "\n")] = 0;
      found = line + length + 3;
    }
  }
  fclose(file);
  return found;
}

/* 0 and the value, or the code that the call must return. */
static int answer(const char *key, const char **text) {
  *text = value(key);
  if (!*text) return NOT_SUPPORTED;
  if (strcmp(*text, "hang") == 0) for (;;) pause();
  if (strcmp(*text, "abort") == 0) abort();
  if (**text == '!') return atoi(*text + 1);
  return 0;
}

static int of_gpu(device *gpu, const char *what, const char **text) {
  char key[128];
  snprintf(key, sizeof key, "gpu%d.state", gpu->index);
  const char *state = value(key);
  if (state && *state == '!') return atoi(state + 1);
  snprintf(key, sizeof key, "gpu%d.%s", gpu->index, what);
  return answer(key, text);
}

static int number(device *gpu, const char *what, unsigned long long *out) {
  const char *text;
  int code = of_gpu(gpu, what, &text);
  if (code == 0) *out = strtoull(text, NULL, 0);
  return code;
}

static int copied(int code, const char *text, char *out, unsigned room) {
  if (code == 0) snprintf(out, room, "%s", text);
  return code;
}

#define UINT(function, what)                                   \
  int function(device *gpu, unsigned *out) {                   \
    unsigned long long wide;                                   \
    int code = number(gpu, what, &wide);                       \
    if (code == 0) *out = (unsigned)wide;                      \
    return code;                                               \
  }

int nvmlInit_v2(void) {
  const char *text;
  int code = answer("init", &text);
  return code == NOT_SUPPORTED && !value("init") ? 0 : code;
}
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { const char *text; answer("shutdown", &text); return 0; }

int nvmlSystemGetDriverVersion(char *out, unsigned room) {
  const char *text;
  int code = answer("driver", &text);
  return copied(code, text, out, room);
}
int nvmlSystemGetCudaDriverVersion_v2(int *out) {
  const char *text;
  int code = answer("cuda", &text);
  if (code == 0) *out = atoi(text);
  return code;
}
int nvmlDeviceGetCount_v2(unsigned *out) {
  const char *text;
  int code = answer("gpus", &text);
  if (code == 0) *out = (unsigned)strtoul(text, NULL, 0);
  return code;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **out) {
  char key[64];
  const char *text;
  if (index >= GPUS) return NO_SUCH;
  snprintf(key, sizeof key, "gpu%u.handle", index);
  int code = answer(key, &text);
  if (code != 0 && value(key)) return code;
  devices[index] = (device){(int)index, 0};
  *out = &devices[index];
  return 0;
}

int nvmlDeviceGetName(device *gpu, char *out, unsigned room) {
  const char *text;
  int code = of_gpu(gpu, "name", &text);
  return copied(code, text, out, room);
}
int nvmlDeviceGetUUID(device *gpu, char *out, unsigned room) {
  const char *text;
  char what[32] = "uuid";
  if (gpu->instance) snprintf(what, sizeof what, "slice%d", gpu->instance - 1);
  int code = of_gpu(gpu, what, &text);
  return copied(code, text, out, room);
}
UINT(nvmlDeviceGetBrand, "brand")
UINT(nvmlDeviceGetMinorNumber, "minor")

typedef struct {
  char legacy[16];
  unsigned domain, bus, device, id, subsystem;
  char bus_id[32];
} pci;
int nvmlDeviceGetPciInfo_v3(device *gpu, pci *out) {
  const char *text;
  int code = of_gpu(gpu, "pci", &text);
  if (code != 0) return code;
  memset(out, 0, sizeof *out);
  sscanf(text, "%x:%x:%x", &out->domain, &out->bus, &out->device);
  snprintf(out->bus_id, sizeof out->bus_id, "%08X:%02X:%02X.0", out->domain, out->bus, out->device);
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(device *gpu, int *major, int *minor) {
  const char *text;
  int code = of_gpu(gpu, "capability", &text);
  if (code == 0) sscanf(text, "%d.%d", major, minor);
  return code;
}

typedef struct { unsigned long long total, free, used; } memory;
int nvmlDeviceGetMemoryInfo(device *gpu, memory *out) {
  int code = number(gpu, "memory", &out->total);
  if (code == 0 && number(gpu, "free", &out->free) != 0) out->free = out->total;
  return code;
}
#ifndef OLD
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory2;
int nvmlDeviceGetMemoryInfo_v2(device *gpu, memory2 *out) {
  if (out->version != (sizeof *out | 2u << 24)) return 25;
  memory old;
  int code = nvmlDeviceGetMemoryInfo(gpu, &old);
  if (code == 0) { out->total = old.total; out->free = old.free; }
  return code;
}
#endif

#ifndef OLD
typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu_instance, compute_instance; } process;
/* `PID:BYTES PID:BYTES …`: the number of them where there is no room, as NVML does. */
static int processes(device *gpu, const char *what, unsigned *count, process *out) {
  const char *text;
  int code = of_gpu(gpu, what, &text);
  if (code != 0) return code;
  unsigned room = *count, found = 0;
  for (int length; ; text += length, found++) {
    process one = {0, 0, -1, -1};
    if (sscanf(text, " %u:%llu%n", &one.pid, &one.bytes, &length) < 2) break;
    if (found < room && out) out[found] = one;
  }
  *count = found;
  return found > room ? 7 : 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(device *gpu, unsigned *count, process *out) {
  return processes(gpu, "compute", count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(device *gpu, unsigned *count, process *out) {
  return processes(gpu, "graphics", count, out);
}
#endif

int nvmlDeviceGetTotalEccErrors(device *gpu, int kind, int counter, unsigned long long *out) {
  /* 1 is uncorrected, 0 volatile: what gdoctor asks. */
  return kind == 1 && counter == 0 ? number(gpu, "ecc", out) : NOT_SUPPORTED;
}
UINT(nvmlDeviceGetRetiredPagesPendingStatus, "retirement")
#ifndef OLD
int nvmlDeviceGetRemappedRows(device *gpu, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
  const char *text;
  int code = of_gpu(gpu, "rows", &text);
  if (code == 0) sscanf(text, "%u %u %u %u", corrected, uncorrected, pending, failed);
  return code;
}
int nvmlDeviceGetMigMode(device *gpu, unsigned *now, unsigned *next) {
  const char *text;
  int code = of_gpu(gpu, "mig", &text);
  if (code == 0) sscanf(text, "%u %u", now, next);
  return code;
}
int nvmlDeviceGetMaxMigDeviceCount(device *gpu, unsigned *out) { (void)gpu; *out = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(device *gpu, unsigned index, device **out) {
  static device instance;
  unsigned long long there = 0;
  number(gpu, "instances", &there);
  if (index >= there) return NO_SUCH;
  instance = (device){gpu->index, (int)index + 1};
  *out = &instance;
  return 0;
}
typedef struct {
  unsigned version;
  unsigned char cluster[16];
  unsigned status, clique;
  unsigned char state;
  unsigned health;
} fabric;
int nvmlDeviceGetGpuFabricInfoV(device *gpu, fabric *out) {
  if (out->version != (sizeof *out | 2u << 24)) return 25;
  const char *text;
  int code = of_gpu(gpu, "fabric", &text);
  unsigned state = 0;
  if (code == 0) { sscanf(text, "%u %u", &state, &out->status); out->state = (unsigned char)state; }
  return code;
}
#endif
/* `gpuI.peer.J = READ NVLINK`, as nvmlGpuP2PStatus_t. */
int nvmlDeviceGetP2PStatus(device *gpu, device *other, int how, unsigned *out) {
  char what[32];
  const char *text;
  unsigned status[2] = {5, 5};
  snprintf(what, sizeof what, "peer.%d", other->index);
  int code = of_gpu(gpu, what, &text);
  if (code != 0) return code;
  sscanf(text, "%u %u", &status[0], &status[1]);
  *out = how == 0 ? status[0] : how == 2 ? status[1] : 5;
  return 0;
}
UINT(nvmlDeviceGetVirtualizationMode, "virtual")
typedef struct {
  int supported;
  unsigned count;
  struct {
    unsigned code, state;
    char info[128], product[128];
    unsigned enabled;
    struct { unsigned year; unsigned short month, day, hour, min, sec; unsigned char status; } expiry;
  } feature[3];
} licences;
/* `licences = SUPPORTED COUNT STATE:ENABLED …`. */
int nvmlDeviceGetGridLicensableFeatures_v4(device *gpu, licences *out) {
  const char *text;
  int code = of_gpu(gpu, "licences", &text), length = 0;
  if (code != 0) return code;
  sscanf(text, "%d %u%n", &out->supported, &out->count, &length);
  text += length;
  for (int i = 0; i < 3 && sscanf(text, " %u:%u%n", &out->feature[i].state, &out->feature[i].enabled, &length) == 2; i++)
    text += length;
  return 0;
}
UINT(nvmlDeviceGetComputeMode, "mode")
UINT(nvmlDeviceGetPersistenceMode, "persistence")
UINT(nvmlDeviceGetCurrPcieLinkWidth, "width")
UINT(nvmlDeviceGetMaxPcieLinkWidth, "width_possible")
int nvmlDeviceGetEncoderStats(device *gpu, unsigned *sessions, unsigned *rate, unsigned *latency) {
  unsigned long long wide;
  int code = number(gpu, "encodings", &wide);
  if (code == 0) { *sessions = (unsigned)wide; *rate = *latency = 0; }
  return code;
}
int nvmlDeviceGetTemperature(device *gpu, int sensor, unsigned *out) {
  unsigned long long wide;
  int code = number(gpu, "temperature", &wide);
  (void)sensor;
  if (code == 0) *out = (unsigned)wide;
  return code;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(device *gpu, unsigned long long *out) {
  return number(gpu, "throttle", out);
}
