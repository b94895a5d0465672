/* Draft extension "patchbay.broker/1" of a plugin: it carries the hub's publications between gateways, and keeps their
 * history and presence. The gateway uses the plugin that `hub.broker` names.
 *
 *   static void publish(void *broker, uint64_t request, const pb_broker_message *message, const pb_broker_keep *keep) {
 *     ... XADD, PUBLISH ... and later, in this order, from any thread:
 *     sink->published(user, &carried);                     // if this gateway asked for that channel
 *     answer.at = (pb_broker_position){epoch, offset};
 *     sink->done(user, request, NULL, &answer);
 *   }
 *
 * The gateway opens one broker for each of its shards; each serves the channels that are at home there, so a channel is
 * never in two brokers of one gateway. Every request is answered once by `done`, perhaps before the function returns,
 * in any order. What must hold besides is written down as tests: tests/core/hub/broker_conformance.hpp.
 *
 *  - Offsets of a channel count up by one within an epoch, a word that is new whenever they begin anew (a server that
 *    lost its data, a history that went with its time). All gateways on one server see the same epoch and offsets.
 *  - A request that could not be carried out fails with PB_UNAVAILABLE when nothing was done, and with
 *    PB_CONNECTION_LOST when nobody knows. It is not repeated by itself.
 *  - A broker that loses its server says state(0), tries to connect again, takes its interests and its members over by
 *    itself, and then says state(1). The gateway goes on locally meanwhile: what is published here is delivered here,
 *    without an offset. After state(1) it asks for the history since the last position that it has seen, so that
 *    subscribers miss nothing that the history still has.
 *  - What a process that has died left in the presence must go after a while.
 *  - There is no request for the newest messages below a prefix: who subscribes one (`a.b.*`) begins with what is
 *    published next, also where the namespace says last_value.
 *
 * A draft may still change. */
#ifndef PATCHBAY_BROKER_H
#define PATCHBAY_BROKER_H

#include "../patchbay_plugin.h"

#define PB_BROKER_EXTENSION "patchbay.broker/1"

typedef struct pb_broker_position {
  pb_str epoch;    /* empty: none */
  uint64_t offset; /* 0: nothing was ever published in this epoch, or the channel keeps no history */
} pb_broker_position;

typedef struct pb_broker_message {
  uint32_t size;
  uint32_t ack;   /* clients are asked to acknowledge it by message_id */
  pb_str channel; /* [A-Za-z0-9_.:-]{1,255} */
  pb_str event;
  pb_str data;       /* JSON */
  pb_str message_id; /* of a receipt of the gateway that published it, or empty; carried as it is */
  int64_t time_us;   /* wall clock, since 1970; carried as it is */
  pb_broker_position at;
} pb_broker_message;

/* What a channel keeps. */
typedef struct pb_broker_keep {
  uint32_t size;
  uint32_t messages;    /* so many; 0: none, then there is no offset */
  uint32_t ttl_s;       /* so long; 0: any time */
  uint32_t keep_newest; /* 1: of messages that are too old the newest stays */
  int64_t now_ms;       /* the gateway's steady clock, for a broker that has none of its own */
} pb_broker_keep;

typedef struct pb_broker_member {
  pb_str id;      /* of a connection: unique among all gateways */
  pb_str user_id; /* may be empty */
} pb_broker_member;

/* What a request comes to; members that it is not about are 0. Borrowed until `done` returns. */
typedef struct pb_broker_answer {
  uint32_t size;
  uint32_t complete;                    /* history: nothing after `since` is missing */
  pb_broker_position at;                /* publish: of the message; history: the newest there is */
  const pb_broker_message* messages;    /* history, in the order of their offsets */
  uint32_t message_count, message_size; /* the stride: sizeof(pb_broker_message) of the plugin */
  const pb_broker_member* members;      /* presence */
  uint32_t member_count, member_size;
  uint32_t kept; /* history: how many there are in all */
} pb_broker_answer;

/* What the plugin calls; borrowed until `closed`. All [any-thread], none blocks. `user` is that of open(). */
typedef struct pb_broker_sink {
  uint32_t size;
  /* A publication on a channel or prefix that was asked for, of this gateway or another; those of one channel in the
   * order of their offsets, and before the `done` of the publish that it came from. */
  void (*published)(void* user, const pb_broker_message* message);
  /* Once for each request. One that is not answered within 30 s ends without it, and while 16 MiB of requests of one
   * broker wait for their answers, no more is asked. */
  void (*done)(void* user, uint64_t request, const pb_error* error, const pb_broker_answer* answer);
  /* Whether the server is there (it counts as there until it is said not to be). `message`: why not. No secrets. */
  void (*state)(void* user, int32_t connected, pb_str message);
  /* The last one: close() is through, nothing is called any more. */
  void (*closed)(void* user);
} pb_broker_sink;

/* What the plugin gives for the extension. All [any-thread] and never blocking; those of one broker are called by one
 * thread at a time, and what depends on an earlier call must see it done (subscribe, then publish). */
typedef struct pb_broker_plugin {
  uint32_t size;
  /* `history_bytes`: what all channels of this broker may keep in memory. NULL refuses; the plugin's log says why. */
  void* (*open)(void* self, const pb_broker_sink* sink, void* user, uint64_t history_bytes);
  /* Its interests and members end; requests that are not answered yet need no answer. Then `closed`. */
  void (*close)(void* broker);
  void (*publish)(void* broker, uint64_t request, const pb_broker_message* message, const pb_broker_keep* keep);
  /* Of a channel or a prefix (`a.b.*`). What is published after `done` comes to the sink, once, also when several of
   * the names asked for fit. It is asked for while the server is away too, and then holds though it fails. */
  void (*subscribe)(void* broker, uint64_t request, pb_str channel);
  void (*unsubscribe)(void* broker, pb_str channel);
  /* With `since` (else NULL): what came after it, the oldest first; else the newest `limit`. Complete only when all of
   * it is there: same epoch, none gone, not more than `limit`. A channel that was never used has an epoch too. */
  void (*history)(void* broker, uint64_t request, pb_str channel, const pb_broker_position* since, uint32_t limit,
                  const pb_broker_keep* keep);
  /* Joining twice under one id is joining once. */
  void (*join)(void* broker, pb_str channel, const pb_broker_member* member);
  void (*leave)(void* broker, pb_str channel, const pb_broker_member* member);
  void (*presence)(void* broker, uint64_t request, pb_str channel);
  /* Now and then: forget what is too old. */
  void (*sweep)(void* broker, int64_t now_ms);
} pb_broker_plugin;

#endif
