/* Draft extension "patchbay.health/1" of the host: a plugin says how it is, for GET /health and plugins_list.
 *
 *   const pb_health_host *health = host->extension(host, PB_HEALTH_EXTENSION);
 *   health->set(host, PB_HEALTH_DEGRADED, message);     // "the connection to the server was lost"
 *
 * A plugin that never says anything is well. What it said last holds until it says something else; a new instance
 * begins anew. A draft may still change, and a gateway need not offer it: extension() is NULL then. */
#ifndef PATCHBAY_HEALTH_H
#define PATCHBAY_HEALTH_H

#include "../patchbay_plugin.h"

#define PB_HEALTH_EXTENSION "patchbay.health/1"

enum {
  PB_HEALTH_OK = 0,
  PB_HEALTH_DEGRADED = 1 /* it runs, but something that it needs does not; the gateway stays ready */
};

typedef struct pb_health_host {
  uint32_t size;
  /* [any-thread] `message` is for people, one sentence, at most 512 bytes (what is longer is cut); it may be empty,
   * also with PB_HEALTH_OK. Anybody may read it: no secrets. An unknown status counts as degraded. */
  void (*set)(const pb_host* host, int32_t status, pb_str message);
} pb_health_host;

#endif
