/* Extension "patchbay.log/1" of the host: log lines, under the logger plugin.<name>. */
#ifndef PATCHBAY_LOG_H
#define PATCHBAY_LOG_H

#include "patchbay_plugin.h"

#define PB_LOG_EXTENSION "patchbay.log/1"

enum { PB_LOG_DEBUG = 0, PB_LOG_INFO = 1, PB_LOG_WARNING = 2, PB_LOG_ERROR = 3, PB_LOG_CRITICAL = 4 };

typedef struct pb_log_field {
  pb_str key, value;
} pb_log_field;

typedef struct pb_log_host {
  uint32_t size;
  /* [any-thread] Would such a line be written? Ask before building a costly one. */
  int32_t (*enabled)(const pb_host* host, int32_t level);
  /* [any-thread] Never fails, never waits for a disk. */
  void (*write)(const pb_host* host, int32_t level, pb_str message, const pb_log_field* fields, size_t field_count);
} pb_log_host;

#endif
