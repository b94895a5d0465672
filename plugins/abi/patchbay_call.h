/* Extension "patchbay.call/1" of the host: a plugin calls any operation of the gateway, as the principal
 * plugin:<name> with the grants of the configuration.
 *
 *   pb_call made;
 *   calls->start(host, in->call, operation, args, -1, user, NULL, on_done, &made);
 *
 * `parent` is the call on whose behalf this one is made, or 0: user and trace are passed on and its deadline holds. */
#ifndef PATCHBAY_CALL_H
#define PATCHBAY_CALL_H

#include "patchbay_plugin.h"

#define PB_CALL_EXTENSION "patchbay.call/1"

typedef struct pb_call_host {
  uint32_t size;
  /* [any-thread] `operation` is a tool name ("websocket_request"), `args` a JSON object, `timeout_ms` a budget (-1: the
   * operation's own). `done` is called exactly once, perhaps before start returns, on a thread of the host, and must
   * not block: error NULL and `data` the result, or the error. `event` may be NULL for an operation that does not
   * stream; it returns PB_OK, PB_WAIT (resume follows) or PB_GONE (ends the call). Returns PB_OK, or PB_GONE when the
   * plugin is being destroyed: then `done` is not called. */
  int32_t (*start)(const pb_host* host, pb_call parent, pb_str operation, pb_str args, int64_t timeout_ms, void* user,
                   int32_t (*event)(void* user, pb_str name, pb_str json),
                   void (*done)(void* user, const pb_error* error, pb_str data), pb_call* made);
  /* [any-thread] A hint: `done` still comes, with PB_CANCELLED unless the call had ended. */
  void (*cancel)(const pb_host* host, pb_call made);
  /* [any-thread] After `event` returned PB_WAIT: more may come. */
  void (*resume)(const pb_host* host, pb_call made);
} pb_call_host;

#endif
