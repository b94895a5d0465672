// The echo endpoint: every message comes back unchanged, text or binary, without JSON; for conformance suites and
// latency probes. Compressed when that was negotiated and makes it smaller.
#pragma once

#include <memory>

#include "core/hub/connection.hpp"

namespace patchbay::hub {

std::unique_ptr<Conversation> make_echo(Connection& connection);

}  // namespace patchbay::hub
