/* Extension "patchbay.queue/1" of a plugin: how long its queue waits, so that the gateway can tell a plugin that is
 * blocked from one that is quick. */
#ifndef PATCHBAY_QUEUE_H
#define PATCHBAY_QUEUE_H

#include "patchbay_plugin.h"

#define PB_QUEUE_EXTENSION "patchbay.queue/1"

typedef struct pb_queue_plugin {
  uint32_t size;
  /* [any-thread] Nanoseconds since the oldest work that is not done yet was handed over; 0: nothing waits. */
  int64_t (*waiting_ns)(void* self);
} pb_queue_plugin;

#endif
