/* Draft extension "patchbay.register/1" of the host: operations that are known only at run time, such as the tools of a
 * server that the plugin connects to. A draft may still change, and a gateway need not offer it: extension() is NULL
 * then, as it is in this version. */
#ifndef PATCHBAY_REGISTER_H
#define PATCHBAY_REGISTER_H

#include "../patchbay_plugin.h"

#define PB_REGISTER_EXTENSION "patchbay.register/1"

typedef struct pb_register_host {
  uint32_t size;
  /* [any-thread] Replaces the plugin's run-time operations by these, all or none; their indices go on from
   * pb_plugin.operation_count. Takes effect after a moment: `done` is called once, on a thread of the host, with NULL
   * or what was wrong (the old ones then stay). The records are copied before the return. */
  int32_t (*replace)(const pb_host* host, const pb_operation* operations, uint32_t operation_count,
                     uint32_t operation_size, void* user, void (*done)(void* user, const pb_error* error));
} pb_register_host;

#endif
