// Plugin: the base of every plugin class, and Config: what the gateway's configuration says under plugins.<name>.
//
// The constructor runs on the plugin's own thread and may refuse by throwing ErrorException{Error{...}}: the gateway
// then runs on without the plugin and says why. The destructor runs there too, when no call and no background task is
// left.
#pragma once

#include "plugins/sdk/host.hpp"

namespace patchbay::sdk {

class Config {
 public:
  Config() : Config("{}") {}
  explicit Config(std::string text) : text_(text.empty() ? "{}" : std::move(text)) {}

  std::string const& text() const { return text_; }  // a JSON object, secrets filled in
  // A folder for what the plugin wants to keep; its own, for this user only. Empty when the host offers none.
  std::string state_directory() const {
    auto const parsed = json::parse(text_, json::upstream_limits);
    return parsed ? std::string{json::find_text(parsed->document, state_key)} : std::string{};
  }
  // As a described struct. Errors: invalid_argument for an unknown key, a missing one or a value of another kind.
  template <class T>
  Result<T> read() const {
    auto parsed = json::parse(text_, json::upstream_limits);
    if (!parsed) return parsed.error();
    if (!parsed->document.IsObject()) return Error{Code::invalid_argument, "the configuration must be an object"};
    T out{};
    describe::read(*parsed, out);
    auto const back_text = describe::to_text(out);
    auto const back = json::parse(back_text, json::upstream_limits);
    std::optional<Error> problem;
    for (auto const& member : parsed->document.GetObject())
      if (!problem) problem = check<T>(json::text_of(member.name), member.value, *back);
    if (!problem) problem = missing<T>(parsed->document);
    if (problem) return *problem;
    return out;
  }

 private:
  static constexpr std::string_view state_key = "state_directory";  // put there by the host
  static std::string_view rough_kind(json::Value const& value) {
    auto const kind = json::kind_of(value);
    return kind == "an integer" ? std::string_view{"a number"} : kind;
  }
  template <class T>
  static std::optional<Error> check(std::string_view key, json::Value const& value, json::Parsed const& back) {
    std::optional<Error> out;
    bool known = false;
    std::string names;
    auto one = [&](auto const& field) {
      bool match = field.name == key;
      for (std::size_t i = 0; i < field.alias_count; ++i) match = match || field.alias_list[i] == key;
      names += names.empty() ? "" : ", ";
      names += field.name;
      if (!match) return;
      known = true;
      auto const* read = json::find(back.document, field.name);
      if (read != nullptr && !value.IsNull() && rough_kind(*read) != rough_kind(value))
        out = Error{
            Code::invalid_argument,
            std::string{key} + " must be " + std::string{rough_kind(*read)} + ", is " + std::string{rough_kind(value)},
            json::pointer_token(key)};
    };
    std::apply([&](auto const&... fields) { (one(fields), ...); }, Describe<T>::fields);
    if (!known && key != state_key)
      return Error{Code::invalid_argument, "unknown key " + std::string{key} + "; there are: " + names,
                   json::pointer_token(key)};
    return out;
  }
  template <class T>
  static std::optional<Error> missing(json::Value const& document) {
    std::optional<Error> out;
    auto one = [&](auto const& field) {
      using M = std::remove_cvref_t<decltype(std::declval<T>().*field.member)>;
      if (out || field.is_optional || describe::is_optional<M>::value) return;
      bool given = json::find(document, field.name) != nullptr;
      for (std::size_t i = 0; i < field.alias_count; ++i)
        given = given || json::find(document, field.alias_list[i]) != nullptr;
      if (!given)
        out = Error{Code::invalid_argument, std::string{field.name} + " is required: " + std::string{field.help},
                    json::pointer_token(field.name)};
    };
    std::apply([&](auto const&... fields) { (one(fields), ...); }, Describe<T>::fields);
    return out;
  }

  std::string text_;
};

class Plugin {
 public:
  Plugin(Host& host, Config config) : host_(host), config_(std::move(config)) {}
  virtual ~Plugin() = default;
  Plugin(Plugin const&) = delete;
  Plugin& operator=(Plugin const&) = delete;

  // Before background tasks are cancelled and the plugin is destroyed; calls to the gateway still work. Two seconds.
  virtual Task<void> stop() { co_return; }

  Host& host() { return host_; }
  Config const& config() const { return config_; }

 private:
  Host& host_;
  Config config_;
};

}  // namespace patchbay::sdk
