// The versions of things that tools overwrote, on disk, so that a write can be undone: the last 20 of each.
//
//   VersionStore store{folder};                                  // made when first needed, mode 0700
//   auto kept = store.keep("dashboard", "living-room", {.hash = ..., .reason = "ha_update_dashboard_config", ...});
//   auto list = store.list("dashboard", "living-room");          // newest first
//
// One JSON file a version, written beside and renamed, so that a crash leaves whole files only; the oldest go when
// there are more than 20. Names are percent-encoded, so no name leads out of the folder. One thread; blocks for a few
// milliseconds (fdatasync). Errors: internal when the disk refuses, not_found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {

struct VersionInfo {
  std::string version;   // sorts by age: "20261121T081500.123456Z"
  std::string saved_at;  // ISO
  std::string hash;
  std::string reason;  // the tool that overwrote it
  std::uint64_t size_bytes = 0;
};

struct KeptVersion {
  VersionInfo info;
  RawJson config;
  RawJson record;  // what the thing was besides its configuration, such as the dashboard's title
};

class VersionStore {
 public:
  static constexpr std::size_t kept_versions = 20;

  explicit VersionStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Gives the version's name. The same content as the newest version is not kept twice.
  Result<std::string> keep(std::string_view kind, std::string_view name, std::string_view hash, std::string_view reason,
                           std::string_view config, std::string_view record, WallTime now);
  Result<std::vector<VersionInfo>> list(std::string_view kind, std::string_view name) const;
  // Names of a kind that have versions, sorted.
  Result<std::vector<std::string>> names(std::string_view kind) const;
  Result<KeptVersion> get(std::string_view kind, std::string_view name, std::string_view version) const;

 private:
  std::filesystem::path folder_of(std::string_view kind, std::string_view name) const;

  std::filesystem::path folder_;
};

// The folder for state: `configured`, else $STATE_DIRECTORY (systemd), $XDG_STATE_HOME/patchbay,
// $HOME/.local/state/patchbay. Empty when there is none.
std::filesystem::path state_folder(std::string_view configured);

}  // namespace patchbay::home_assistant
