// A running HttpServer over a small table, and a client that says exactly the bytes it is told, for the http tests.
//
//   HttpFixture::start({.body_bytes = 100});
//   auto answer = ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");      // on a connection of its own
//   Connection c{port()}; c.send(...); c.read_answer(); c.read_to_end();
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/security/operations.hpp"
#include "gateway/surfaces/http_server.hpp"

namespace patchbay::http_test {

struct SayArgs {
  std::string text;
  int times = 1;
};
struct SayResult {
  std::string text;
};
struct Nothing {};
struct Health {
  std::string status;
};
struct Raw {
  std::string content_type, body;
};
struct FilterArgs {
  std::string room;
  std::vector<std::string> kinds;
  std::optional<int> limit;
  bool all = false;
};

inline constexpr Operation<SayArgs, SayResult> say{
    .name = "DEMO.say", .summary = "Say it back.", .scope = "demo.say", .errors = codes(Code::conflict)};
inline constexpr Operation<SayArgs, SayResult> wait{
    .name = "DEMO.wait", .summary = "Wait until released.", .scope = "demo.say", .timeout = std::chrono::seconds{30}};
inline constexpr Operation<SayArgs, SayResult> change{
    .name = "DEMO.change", .summary = "Change something.", .effect = Effect::write, .scope = "demo.write"};
inline constexpr Operation<SayArgs, SayResult> ticks{
    .name = "DEMO.ticks", .summary = "Events.", .scope = "demo.say", .streaming = true};
inline constexpr Operation<Nothing, Health> health{
    .name = "DEMO.health",
    .summary = "Health.",
    .scope = "public",
    .routes = {Route{"GET", "/health", true}, Route{"GET", "/health/live", true}}};
inline constexpr Operation<Nothing, Raw> metrics{
    .name = "DEMO.metrics", .summary = "Raw text.", .scope = "public", .routes = {Route{"GET", "/metrics", true}}};
inline constexpr Operation<FilterArgs, FilterArgs> filter{
    .name = "DEMO.filter",
    .summary = "Arguments from path and query.",
    .scope = "public",
    .routes = {Route{"GET", "/rooms/{room}", false}, Route{"POST", "/rooms/{room}", false}}};

struct HttpAnswer {
  int status = 0;                             // 0: the connection ended without one
  std::map<std::string, std::string> fields;  // names in lower case
  std::string head, body;

  std::string field(std::string const& name) const {
    auto const found = fields.find(name);
    return found == fields.end() ? "" : found->second;
  }
  bool has(std::string const& name) const { return fields.contains(name); }
};
void PrintTo(HttpAnswer const& answer, std::ostream* out);

// A client's end of one TCP connection. All waits end after 10 s.
class Connection {
 public:
  explicit Connection(std::uint16_t port, int receive_buffer = 0);
  ~Connection();
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  bool send(std::string_view bytes);
  void end_sending();
  void reset();  // RST
  HttpAnswer read_answer(bool is_head = false);
  std::string read_some();  // empty at the end
  std::string read_to_end();
  std::string read_until(std::string_view mark);
  bool is_closed_by_peer();  // waits for it

 private:
  int socket_;
  std::string rest_;
};

class HttpFixture : public testing::Test {
 protected:
  ~HttpFixture() override;
  void start(HttpSettings settings = {}, unsigned shards = 1);
  std::uint16_t port() const { return port_; }
  // One request on a connection of its own.
  HttpAnswer ask(std::string_view request);
  HttpAnswer get(std::string_view path, std::string_view more_fields = {});
  HttpAnswer post(std::string_view path, std::string_view body, std::string_view more_fields = {});
  static std::string request(std::string_view method, std::string_view path, std::string_view more_fields = {});
  static std::string post_request(std::string_view path, std::string_view body, std::string_view more_fields = {});
  double counted(std::string_view family, std::string_view label = {});
  // Lets every DEMO.wait end.
  void release();
  void wait_for_calls(int running);

  SystemClock clock;
  NullLog log;
  Counters counters;
  std::unique_ptr<Runtime> runtime;
  Caller caller{counters};
  std::unique_ptr<HttpServer> server;
  std::atomic<int> asked_who{0};
  std::atomic<int> running{0};    // calls of DEMO.wait
  std::atomic<int> cancelled{0};  // that ended by cancellation
  std::atomic<bool> released{false};
  std::atomic<int> say_calls{0};

 private:
  OperationTable table();
  std::uint16_t port_ = 0;
};

}  // namespace patchbay::http_test

template <>
struct patchbay::Describe<patchbay::http_test::SayArgs> {
  static constexpr std::tuple fields{
      field("text", &http_test::SayArgs::text, "What to say").alias("message"),
      field("times", &http_test::SayArgs::times, "How often").optional().range(1, 1000000)};
};
template <>
struct patchbay::Describe<patchbay::http_test::SayResult> {
  static constexpr std::tuple fields{field("text", &http_test::SayResult::text, "What was said")};
};
template <>
struct patchbay::Describe<patchbay::http_test::Nothing> {
  static constexpr std::tuple<> fields{};
};
template <>
struct patchbay::Describe<patchbay::http_test::Health> {
  static constexpr std::tuple fields{field("status", &http_test::Health::status, "ok")};
};
template <>
struct patchbay::Describe<patchbay::http_test::Raw> {
  static constexpr std::tuple fields{field("content_type", &http_test::Raw::content_type, "Type"),
                                     field("body", &http_test::Raw::body, "Text")};
};
template <>
struct patchbay::Describe<patchbay::http_test::FilterArgs> {
  static constexpr std::tuple fields{field("room", &http_test::FilterArgs::room, "Which room"),
                                     field("kinds", &http_test::FilterArgs::kinds, "Kinds").optional(),
                                     field("limit", &http_test::FilterArgs::limit, "At most").range(1, 50),
                                     field("all", &http_test::FilterArgs::all, "All of them").optional()};
};
