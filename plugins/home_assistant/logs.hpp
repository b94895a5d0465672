// The log of Home Assistant, whatever it comes from.
#pragma once

#include "plugins/home_assistant/log_text.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct Log {
  std::vector<LogEntry> entries;  // newest first
  std::string source;             // system_log or file
};
// Entries of at least this rank may be in it, others too. Takes an administrator's token. Errors: unavailable when the
// rank takes a log file and there is none.
sdk::Task<Result<Log>> read_log(HomeAssistant& self, sdk::Call& call, int least);

}  // namespace patchbay::home_assistant
