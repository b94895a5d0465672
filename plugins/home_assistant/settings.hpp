// What the configuration says under plugins.home_assistant, and the token behind a reference to it.
#pragma once

#include <string>

#include "plugins/sdk/patchbay_plugin.hpp"

namespace patchbay::home_assistant {

namespace sdk = patchbay::sdk;

struct Vision {
  std::string url, key, model;
  bool faces = false;
};
struct SupervisorSettings {
  std::string url, token;
};
struct Settings {
  std::string url;
  std::string token;
  std::string config_root;
  bool allow_secrets = false;
  bool allow_code = false;
  bool read_only = false;
  Vision vision;
  SupervisorSettings supervisor;
  std::string state_directory;

  // "ws://host:8123/api/websocket" and "http://host:8123/api", for any form of `url` that people write. Errors:
  // invalid_argument.
  Result<std::string> websocket_url() const;
  Result<std::string> rest_url() const;
};

// The token, or what it is read from: "file:/run/secrets/ha" and "env:NAME" are read anew for each session, so that a
// token that was exchanged is found without a restart.
class TokenSource {
 public:
  explicit TokenSource(std::string reference) : reference_(std::move(reference)) {}
  bool empty() const { return reference_.empty(); }
  // Errors: unavailable, naming the file or variable, never its content.
  Result<std::string> read() const;

 private:
  std::string reference_;
};

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::Vision> {
  using V = home_assistant::Vision;
  static constexpr std::tuple fields{
      field("url", &V::url, "Address of the vision model's API, such as http://127.0.0.1:11434/v1").optional(),
      field("key", &V::key, "Its key").optional(), field("model", &V::model, "Its name").optional(),
      field("faces", &V::faces, "Whether pictures may be sent there to recognise people").optional()};
};
template <>
struct patchbay::Describe<patchbay::home_assistant::SupervisorSettings> {
  using S = home_assistant::SupervisorSettings;
  static constexpr std::tuple fields{
      field("url", &S::url, "Address of the Supervisor; http://supervisor when empty").optional(),
      field("token", &S::token, "Its token").optional()};
};
template <>
struct patchbay::Describe<patchbay::home_assistant::Settings> {
  using S = home_assistant::Settings;
  static constexpr std::tuple fields{
      field("url", &S::url, "Address of Home Assistant, such as http://homeassistant.local:8123").optional(),
      field("token", &S::token, "A long-lived access token, file:/path or env:NAME").optional(),
      field("config_root", &S::config_root, "Home Assistant's configuration folder, for file tools").optional(),
      field("allow_secrets", &S::allow_secrets, "Whether file tools may touch files that hold credentials").optional(),
      field("allow_code", &S::allow_code, "Whether code tools may run").optional(),
      field("read_only", &S::read_only, "true: only tools that read").optional(),
      field("vision", &S::vision, "Model that describes camera pictures").optional(),
      field("supervisor", &S::supervisor, "For add-on tools, on systems that have one").optional(),
      field("state_directory", &S::state_directory, "Folder for kept versions").optional()};
};
