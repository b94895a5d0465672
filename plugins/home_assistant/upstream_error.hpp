// How an error of Home Assistant reads in the gateway: its code decides, never its wording, which changes between
// versions; its words are passed on.
//
//   if (!raw::is_true(raw::member(frame, "success"))) return from_command("lovelace/config", raw::member(frame,
//   "error"));
//
// Pure functions; any thread.
#pragma once

#include <string_view>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

// From the `error` object of a WebSocket answer.
Error from_command(std::string_view command, std::string_view error);

// From a REST answer that is not 2xx.
Error from_status(std::string_view path, int status, std::string_view body);

}  // namespace patchbay::home_assistant
