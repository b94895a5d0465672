/* Extension "patchbay.stream/1" of the host: the events of a streaming operation.
 *
 *   const pb_stream_host *stream = host->extension(host, PB_STREAM_EXTENSION);
 *   int32_t taken = stream->event(host, call, name, json);
 *
 * The stream ends with complete or fail, as any call does. PB_WAIT: the event was taken, the listener is slow; send the
 * next one after pb_plugin.resume. Who sends on regardless is failed with PB_BACKPRESSURE after some hundred events. */
#ifndef PATCHBAY_STREAM_H
#define PATCHBAY_STREAM_H

#include "patchbay_plugin.h"

#define PB_STREAM_EXTENSION "patchbay.stream/1"

typedef struct pb_stream_host {
  uint32_t size;
  /* [any-thread] PB_OK, PB_WAIT, PB_GONE. `name` may be empty, `json` is JSON text. */
  int32_t (*event)(const pb_host* host, pb_call call, pb_str name, pb_str json);
} pb_stream_host;

#endif
