// The command line: serve, call, listen, operations, describe, plugins, token, check-config, completion, version.
//
//   patchbay serve --config patchbay.yaml
//   patchbay call ha_list_dashboards
//   patchbay call system_operations --interface SYSTEM --names_only true
//
// Commands that call operations talk to the running gateway at $PATCHBAY_URL (default http://127.0.0.1:8765) with
// $PATCHBAY_TOKEN or the token of its run; with --local they run in process. Output is JSON when it is piped, readable
// on a terminal; errors go to standard error. Exit codes: 0 success, 2 wrong usage, else by the kind of error
// (core/base/error.hpp).
#pragma once

namespace patchbay::cli {

int run(int argc, char** argv);

}  // namespace patchbay::cli
