#include "plugins/home_assistant/supervisor.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

bool has_token(HomeAssistant& self) { return !self.settings().supervisor.token.empty(); }

Error no_supervisor() {
  return {
      Code::unavailable,
      "there is no Supervisor here: add-ons exist on Home Assistant OS and supervised systems only. Run the gateway "
      "as an add-on (which gives it SUPERVISOR_TOKEN), set plugins.home_assistant.supervisor.url and .token, or "
      "connect with an administrator's token to a Home Assistant that has one"};
}

// What a status other than 2xx means, with the Supervisor's words.
Error of_status(int status, std::string_view message) {
  auto const words = message.empty() ? fmt::format("it answered {}", status) : std::string{message.substr(0, 500)};
  switch (status) {
    case 400: return {Code::invalid_argument, "the Supervisor: " + words};
    case 401: return {Code::auth_failed, "the Supervisor refused plugins.home_assistant.supervisor.token"};
    case 403: return {Code::forbidden, "the Supervisor does not allow this with its token: " + words};
    case 404: return {Code::not_found, "the Supervisor: " + words, "/addon_slug"};
    case 409: return {Code::conflict, "the Supervisor: " + words};
    default: return {Code::upstream_failed, "the Supervisor: " + words};
  }
}

struct Reached {
  int status = 0;
  std::string json, text;
};
sdk::Task<Result<Reached>> reach(HomeAssistant& self, sdk::Call& call, SupervisorQuestion question) {
  auto const& supervisor = self.settings().supervisor;
  std::string url{supervisor.url.empty() ? "http://supervisor" : supervisor.url};
  while (url.ends_with('/')) url.pop_back();
  std::string method = question.method;
  for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
  auto const budget = std::clamp<std::int64_t>(call.time_left().count() - 300, 1'000, 600'000);
  auto args =
      fmt::format(R"({{"method":"{}","url":{},"timeout_ms":{},"attempts":1,"headers":{{"authorization":{}}}{}{}}})",
                  method, json::quoted(url + question.endpoint), budget, json::quoted("Bearer " + supervisor.token),
                  question.body.empty() ? "" : ",\"body\":", question.body);
  auto asking = call.call("http_client_request", std::move(args));
  Result<RawJson> reply = co_await std::move(asking);
  if (!reply) {
    auto error = reply.error();
    error.message = "the Supervisor: " + error.message;
    error.pointer.clear();
    co_return error;
  }
  Reached out;
  out.status = std::atoi(std::string{raw::member(reply->text, "status")}.c_str());
  out.json = raw::member(reply->text, "json");
  out.text = raw::text(raw::member(reply->text, "body"));
  co_return out;
}

}  // namespace

sdk::Task<Result<RawJson>> ask_supervisor(HomeAssistant& self, sdk::Call& call, SupervisorQuestion question) {
  if (has_token(self)) {
    auto reaching = reach(self, call, std::move(question));
    Result<Reached> reached = co_await std::move(reaching);
    if (!reached) co_return reached.error();
    bool const well = reached->status >= 200 && reached->status < 300;
    if (!well || raw::text(raw::member(reached->json, "result")) != "ok")
      co_return of_status(well ? 502 : reached->status, raw::text(raw::member(reached->json, "message")));
    auto const data = raw::member(reached->json, "data");
    co_return RawJson{data.empty() ? "{}" : std::string{data}};
  }
  if (self.settings().url.empty()) co_return no_supervisor();
  Command command = Command{"supervisor/api"}.text("endpoint", question.endpoint).text("method", question.method);
  if (!question.body.empty()) command = std::move(command).raw("data", question.body);
  command = std::move(command).number("timeout", std::max<std::int64_t>(1, call.time_left().count() / 1000 - 1));
  auto asking = self.session().ask(call, std::move(command));
  Result<Frame> frame = co_await std::move(asking);
  if (!frame) co_return frame.error();
  if (frame->success()) co_return RawJson{std::string{frame->result()}};
  auto const code = frame->error_code();
  if (code == "unknown_command") co_return no_supervisor();
  auto const words = raw::text(raw::member(frame->error(), "message"));
  co_return of_status(code == "unauthorized" ? 403 : words.find("not exist") != std::string::npos ? 404 : 500, words);
}

sdk::Task<Result<std::string>> supervisor_text(HomeAssistant& self, sdk::Call& call, std::string endpoint) {
  if (has_token(self)) {
    SupervisorQuestion question;
    question.endpoint = std::move(endpoint);
    auto reaching = reach(self, call, std::move(question));
    Result<Reached> reached = co_await std::move(reaching);
    if (!reached) co_return reached.error();
    if (reached->status >= 200 && reached->status < 300) co_return std::move(reached->text);
    co_return of_status(reached->status, raw::text(raw::member(reached->json, "message")));
  }
  if (self.settings().url.empty()) co_return no_supervisor();
  auto asking = self.session().rest(call, "GET", "/hassio" + endpoint);
  Result<RestAnswer> answer = co_await std::move(asking);
  if (answer) co_return std::move(answer->text);
  // Without a Supervisor that path is not there at all; with one, an unknown add-on is not there either.
  if (answer.error().code != Code::not_found) co_return answer.error();
  SupervisorQuestion question;
  question.endpoint = "/supervisor/ping";
  auto looking = ask_supervisor(self, call, std::move(question));
  Result<RawJson> there = co_await std::move(looking);
  if (!there) co_return there.error();
  co_return Error{Code::not_found, "there is no such add-on, or it has no logs", "/addon_slug"};
}

sdk::Task<std::string> own_addon(HomeAssistant& self, sdk::Call& call) {
  if (!has_token(self)) co_return std::string{};
  SupervisorQuestion question;
  question.endpoint = "/addons/self/info";
  auto asking = ask_supervisor(self, call, std::move(question));
  Result<RawJson> info = co_await std::move(asking);
  co_return info ? raw::text(raw::member(info->text, "slug")) : std::string{};
}

}  // namespace patchbay::home_assistant
