// `patchbay serve`: runs a gateway until SIGTERM, SIGINT or SYSTEM.shutdown; SIGHUP reads the configuration again.
// Standard output has the one line `listening on http://...` for each address; the log goes to standard error.
#pragma once

#include <string>
#include <vector>

namespace patchbay::cli {

struct ServeOptions {
  std::string config;
  std::vector<std::string> listen;
  std::string plugin_directory;
  bool insecure = false;
};

int serve(ServeOptions const& options);

}  // namespace patchbay::cli
