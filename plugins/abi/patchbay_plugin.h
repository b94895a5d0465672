/* The contract between Patchbay and a plugin: plain C11, nothing but <stdint.h> and <stddef.h>.
 *
 * A plugin is a shared object that exports one constant, `pb_plugin_v1`. The host reads the names, the version and the
 * operations from it before it calls anything; then `create` makes an instance, `invoke` hands it calls, and each call
 * is answered once, by `complete` or `fail`, from any thread and at any later time.
 *
 *   static void invoke(void *self, const pb_invocation *in) {
 *     const pb_host *host = ((struct demo *)self)->host;
 *     host->complete(host, in->call, (pb_str){"{\"sum\":5}", 9}, (pb_str){NULL, 0});
 *   }
 *   const pb_plugin pb_plugin_v1 = {.size = sizeof(pb_plugin), .abi_major = PB_ABI_MAJOR, .abi_minor = PB_ABI_MINOR,
 *                                   .id = "org.example.demo", .name = "demo", .interface = "DEMO", .prefix = "demo",
 * ...};
 *
 * Rules that hold everywhere:
 *  - Text is UTF-8 and not terminated; it is borrowed until the function that it was given to returns. Nobody frees the
 *    other side's memory.
 *  - Each function says its thread. [any-thread]: from any thread, also from two at once, and it never blocks.
 *    [control]: one at a time, from a thread that may block.
 *  - Structs begin with `size`, grow only at the end and never change their meaning. A reader looks at `size` before it
 *    reads a member that came later. Optional powers are extensions, found by their text id.
 *  - No exception may leave a plugin's function.
 *
 * C++ authors use plugins/sdk/patchbay_plugin.hpp, which does all of this for them. */
#ifndef PATCHBAY_PLUGIN_H
#define PATCHBAY_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PB_ABI_MAJOR 1 /* another number: not loaded */
#define PB_ABI_MINOR 1 /* grows when structs grow at their end */

typedef struct pb_str {
  const char* ptr;
  size_t len;
} pb_str;

/* One call. Generation and slot: an answer that comes late or twice is PB_GONE and touches nothing. Never 0. */
typedef uint64_t pb_call;

enum {
  PB_OK = 0,
  PB_WAIT = 1, /* taken; send no more until resume */
  PB_GONE = 2  /* the call has ended already, or never was */
};

/* Why a call failed. The numbers never change. */
enum pb_code {
  PB_INVALID_ARGUMENT = 1,
  PB_UNAUTHENTICATED = 2,
  PB_FORBIDDEN = 3,
  PB_NOT_FOUND = 4,
  PB_CONFLICT = 5,
  PB_TOO_LARGE = 6,
  PB_RATE_LIMITED = 7,
  PB_CANCELLED = 8,
  PB_INTERNAL = 9,
  PB_UNSUPPORTED = 10,
  PB_UPSTREAM_FAILED = 11,
  PB_AUTH_FAILED = 12,
  PB_TLS_FAILED = 13,
  PB_CONNECT_FAILED = 14,
  PB_CONNECTION_LOST = 15,
  PB_UNAVAILABLE = 16,
  PB_CIRCUIT_OPEN = 17,
  PB_BACKPRESSURE = 18,
  PB_DEADLINE_EXCEEDED = 19
};

/* What an operation does to the world: pb_operation.effect. */
enum { PB_READ = 0, PB_WRITE = 1, PB_DESTRUCTIVE = 2 };

/* pb_operation.flags */
enum {
  PB_STREAMING = 1u << 0,   /* sends events (extension patchbay.stream/1) before its answer */
  PB_IDEMPOTENT = 1u << 1,  /* a second call with the same arguments changes nothing more */
  PB_REACHES_OUT = 1u << 2, /* talks to something outside the process */
  PB_UNAUDITED = 1u << 3,   /* no audit line, though it writes */
  PB_INLINE = 1u << 4,      /* a pure function: invoke answers before it returns, on the caller's thread, at once */
  PB_AUDITED = 1u << 5,     /* an audit line, though it only reads */
  PB_TIMEOUT_FROM_ARGS = 1u << 6 /* the time budget is the argument timeout_ms plus one second */
};

typedef struct pb_operation {
  uint32_t size;   /* sizeof(pb_operation) of the plugin */
  uint32_t effect; /* PB_READ, PB_WRITE, PB_DESTRUCTIVE */
  uint32_t flags;
  uint32_t timeout_ms;                     /* time budget of a call; 0: 10 s */
  const char* name;                        /* the word after the prefix: [a-z][a-z0-9]*(_[a-z0-9]+)* */
  const char* summary;                     /* one sentence */
  const char* category;                    /* heading in listings; NULL: the interface */
  const char* scope;                       /* what a caller's token must hold, such as "demo.read"; NULL: "admin" */
  const char *args_schema, *result_schema; /* JSON Schema of the closed word list; arguments are an object */
  const char* examples;                    /* arguments as JSON, one object; NULL: none */
  uint64_t errors;                         /* bit n: may fail with code n, besides what any operation may fail with */
  const char* aliases;                     /* further words it answers to, with blanks between; NULL: none */
} pb_operation;

typedef struct pb_invocation {
  uint32_t size;
  uint32_t operation; /* index into pb_plugin.operations */
  pb_call call;
  int64_t timeout_ms; /* time left; -1: no limit */
  pb_str args;        /* a JSON object that fits args_schema, aliases already replaced by names */
  pb_str principal;   /* who calls, such as "token:kitchen" */
  pb_str user_id;     /* for whom; may be empty */
  pb_str traceparent; /* W3C trace context; may be empty */
  pb_str entities;    /* allow and deny lists of the caller's token as JSON; empty: unrestricted */
  pb_str scopes;      /* what the caller may do: words with blanks between, such as "ha.read ha.*"; "*": everything */
} pb_invocation;

typedef struct pb_error {
  uint32_t size;
  int32_t code;            /* enum pb_code */
  uint32_t retry_after_ms; /* 0: unknown */
  pb_str message;          /* what was wrong and what would be right; never a secret */
  pb_str pointer;          /* JSON pointer into the arguments, or empty */
} pb_error;

typedef struct pb_host {
  uint32_t size;
  uint16_t abi_major, abi_minor;
  /* [any-thread] A table of further functions, such as pb_call_host for "patchbay.call/1"; NULL if absent. */
  const void* (*extension)(const struct pb_host* host, const char* id);
  /* [any-thread] Answers a call: `data` is JSON, `message` a sentence for people or empty. Exactly one of complete and
   * fail, once. PB_OK or PB_GONE. Data that is not JSON fails the call as `internal`. */
  int32_t (*complete)(const struct pb_host* host, pb_call call, pb_str data, pb_str message);
  /* [any-thread] */
  int32_t (*fail)(const struct pb_host* host, pb_call call, const pb_error* error);
} pb_host;

typedef struct pb_plugin {
  uint32_t size;
  uint16_t abi_major, abi_minor;
  const char* id;        /* reverse DNS, shown only: "org.example.demo" */
  const char* name;      /* [a-z][a-z0-9_]*: configuration key, principal plugin:<name> */
  const char* interface; /* [A-Z][A-Z0-9_]*: the metric label */
  const char* prefix;    /* [a-z][a-z0-9]*: tools are <prefix>_<operation> */
  const char* version;   /* numbers with dots: "1.0.0"; of two files with one name the higher wins */
  const pb_operation* operations;
  uint32_t operation_count;
  uint32_t operation_size; /* the stride: sizeof(pb_operation) of the plugin */
  /* [control] Makes an instance from its configuration, a JSON object with secrets filled in. NULL refuses: `error`
   * then says why; its texts stay valid until this thread calls the plugin again. `host` stays valid until destroy has
   * returned. */
  void* (*create)(const pb_host* host, pb_str config, pb_error* error);
  /* [any-thread] One call. The invocation is borrowed: copy what is needed after the return. */
  void (*invoke)(void* self, const pb_invocation* invocation);
  /* [any-thread] A hint that nobody waits any more; complete or fail still comes once. */
  void (*cancel)(void* self, pb_call call);
  /* [any-thread] After PB_WAIT: more events of this call are welcome. */
  void (*resume)(void* self, pb_call call);
  /* [control] Ends the instance; none of its calls is in flight. Calls that the plugin made itself have ended (their
   * `done` has come) when this returns: it cancels and awaits them. */
  void (*destroy)(void* self);
  /* [any-thread] What the plugin offers the host, such as "patchbay.queue/1"; NULL if absent. The member may be NULL.
   */
  const void* (*extension)(void* self, const char* id);
} pb_plugin;

/* The one exported symbol. */
#if defined(_WIN32)
#define PB_EXPORT __declspec(dllexport)
#else
#define PB_EXPORT __attribute__((visibility("default")))
#endif
extern PB_EXPORT const pb_plugin pb_plugin_v1;

#ifdef __cplusplus
}
#endif
#endif
