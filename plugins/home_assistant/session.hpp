// Session: the one authenticated connection to Home Assistant, through the gateway's WEBSOCKET, and its REST API,
// through HTTP_CLIENT.
//
//   auto asking = session.command(call, Command{"lovelace/config"}.text("url_path", "living-room"));
//   Result<Frame> config = co_await std::move(asking);
//   if (!config) co_return config.error();
//   use(config->result());                                      // raw JSON
//
// The connection is opened when first needed and kept; the gateway opens it again when it is lost and replays the
// handshake. Calls that come while it is being opened wait for it within their deadline. A token that Home Assistant
// refused is not tried again: every call ends at once with auth_failed until the file or variable it is read from gives
// another one. Requests in flight when the connection is lost end with connection_lost and are not repeated. All on the
// plugin's thread.
#pragma once

#include <functional>
#include <list>

#include "plugins/home_assistant/features.hpp"
#include "plugins/home_assistant/settings.hpp"
#include "plugins/home_assistant/waiters.hpp"

namespace patchbay::home_assistant {

// One WebSocket command, as JSON that grows.
class Command {
 public:
  explicit Command(std::string_view type);
  Command text(std::string_view key, std::string_view value) &&;
  Command raw(std::string_view key, std::string_view json) &&;
  Command flag(std::string_view key, bool value) &&;
  Command number(std::string_view key, std::int64_t value) &&;
  std::string const& type() const { return type_; }
  std::string json() const { return body_ + "}"; }

 private:
  void key(std::string_view name);
  std::string type_, body_;
};

// An answering frame as it came.
class Frame {
 public:
  explicit Frame(std::string text);
  bool success() const { return success_; }
  std::string_view result() const { return view(result_); }
  std::string_view error() const { return view(error_); }
  std::string error_code() const;

 private:
  struct Part {
    std::size_t begin = 0, size = 0;
  };
  Part part(std::string_view inner) const;
  std::string_view view(Part part) const { return std::string_view{text_}.substr(part.begin, part.size); }
  std::string text_;
  bool success_ = false;
  Part result_, error_;
};

struct RestAnswer {
  int status = 0;
  std::string text;      // JSON when the answer was, else its text
  std::string base64{};  // of what is neither, such as a picture
  std::string content_type{};
};

class Session {
 public:
  Session(sdk::Host& host, Settings const& settings);

  // Success or the mapped error of Home Assistant.
  sdk::Task<Result<Frame>> command(sdk::Call& call, Command command);
  // Also the frames that report an error; only what kept the answer from coming is an error here.
  sdk::Task<Result<Frame>> ask(sdk::Call& call, Command command);
  // For commands that subscribe: the first event, after which the subscription ends. Errors: of the answer, too.
  sdk::Task<Result<std::string>> first_event(sdk::Call& call, Command command);
  // Path below /api, such as "/states/light.a". Answers that are not 2xx are errors, by their status.
  sdk::Task<Result<RestAnswer>> rest(sdk::Call& call, std::string method, std::string path, std::string body = {});

  // The connection's id, opening it first. For subscriptions, which last longer than a call; `call` may be null.
  sdk::Task<Result<std::string>> ready(sdk::Call* call);
  // A request or subscription on this connection failed: forget it if that means it is no more. True: worth another try
  // on a new one.
  bool gone(std::string const& connection_id, Error const& error);
  // What such an error means to the caller.
  Error explained(Error error) const;

  Features const& features() const { return features_; }
  std::string const& version() const { return version_; }
  // Counts the connections: what was learned from Home Assistant on another may have changed.
  std::uint64_t generation() const { return generation_; }

  // A background task: connects ahead of the first call, opens again what nobody else does, and says in GET /health how
  // the connection is. A look costs one call of the gateway.
  sdk::Task<void> watch();
  sdk::Task<void> close();

 private:
  sdk::Task<void> connect();
  sdk::Task<Error> open();
  sdk::Task<void> look_again(sdk::Call& call, std::string connection_id);
  sdk::Task<void> look(std::string connection_id);
  void well();
  void unwell(Error const& error);
  Result<std::string> fresh_token() const;

  sdk::Host& host_;
  Settings const& settings_;
  TokenSource token_;
  std::string connection_id_;
  std::string used_token_;  // of the connection
  std::string refused_;     // the token that Home Assistant refused
  std::string version_;
  Features features_;
  std::uint64_t generation_ = 0;
  bool connecting_ = false;
  bool was_lost_ = false;
  bool ending_ = false;
  Code warned_ = Code::cancelled;  // what the log has been told of already; cancelled: nothing
  std::chrono::steady_clock::time_point looked_{};
  std::string reconnects_text_ = "0";
  Error problem_{Code::unavailable, "not connected"};
  Waiters opened_;
};

}  // namespace patchbay::home_assistant
