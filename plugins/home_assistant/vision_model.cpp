#include "plugins/home_assistant/vision_model.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

std::string endpoint_of(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url.ends_with("/chat/completions") ? url : url + "/chat/completions";
}

std::string request_body(VisionQuestion const& question, std::string const& model) {
  auto text_part = [](std::string_view text) { return R"({"type":"text","text":)" + json::quoted(text) + "}"; };
  std::string content = "[" + text_part(question.prompt);
  for (std::size_t i = 0; i < question.pictures.size(); ++i) {
    if (i < question.labels.size() && !question.labels[i].empty()) content += "," + text_part(question.labels[i]);
    content += R"(,{"type":"image_url","image_url":{"url":)" + json::quoted(question.pictures[i]) + "}}";
  }
  return fmt::format(R"({{"model":{},"messages":[{{"role":"user","content":{}]}}],"max_tokens":1500{}}})",
                     json::quoted(model), content,
                     question.json ? R"(,"response_format":{"type":"json_object"},"temperature":0)" : "");
}

// A text, or the texts of a list of parts.
std::string words_of(std::string_view content) {
  if (!content.starts_with('[')) return raw::text(content);
  std::string out;
  raw::each_item(content, [&](std::string_view part) { out += raw::text(raw::member(part, "text")); });
  return out;
}

}  // namespace

Result<void> vision_configured(Settings const& settings) {
  if (!settings.vision.url.empty()) return {};
  return Error{Code::unavailable,
               "no vision model is configured: set plugins.home_assistant.vision.url to an OpenAI-compatible API (such "
               "as http://127.0.0.1:11434/v1), and vision.model and vision.key as it needs them"};
}

sdk::Task<Result<VisionAnswer>> ask_vision(HomeAssistant& self, sdk::Call& call, VisionQuestion question) {
  auto const& vision = self.settings().vision;
  if (auto configured = vision_configured(self.settings()); !configured) co_return configured.error();
  auto const model = question.model.empty() ? vision.model : question.model;
  if (model.empty())
    co_return Error{Code::unavailable, "no model is named: set plugins.home_assistant.vision.model, or give model"};
  auto const budget = std::max<std::int64_t>(1'000, call.time_left().count() - 500);
  auto const key = vision.key.empty() ? std::string{} : R"(,"authorization":)" + json::quoted("Bearer " + vision.key);
  auto args =
      fmt::format(R"({{"url":{},"timeout_ms":{},"attempts":1,"headers":{{"accept":"application/json"{}}},"body":{}}})",
                  json::quoted(endpoint_of(vision.url)), std::min<std::int64_t>(budget, 600'000), key,
                  request_body(question, model));
  auto asking = call.call("http_client_post", std::move(args));
  Result<RawJson> reply = co_await std::move(asking);
  if (!reply) {
    auto error = reply.error();
    error.message = "the vision model: " + error.message;
    error.pointer.clear();
    co_return error;
  }
  auto const status = std::atoi(std::string{raw::member(reply->text, "status")}.c_str());
  auto const body = raw::member(reply->text, "json");
  if (status == 401 || status == 403)
    co_return Error{Code::auth_failed, "the vision model refused plugins.home_assistant.vision.key"};
  auto said = raw::member(body, "error");
  if (said.starts_with('{')) said = raw::member(said, "message");
  if (status < 200 || status > 299)
    co_return Error{Code::upstream_failed,
                    fmt::format("the vision model answered {}: {}", status, raw::text(said).substr(0, 300))};
  std::string_view first;
  raw::each_item(raw::member(body, "choices"), [&](std::string_view one) {
    if (first.empty()) first = one;
  });
  VisionAnswer out;
  out.text = words_of(raw::member(raw::member(first, "message"), "content"));
  if (out.text.empty()) co_return Error{Code::upstream_failed, "the vision model answered without words"};
  out.model = raw::text(raw::member(body, "model"));
  if (out.model.empty()) out.model = model;
  auto const usage = raw::member(body, "usage");
  out.usage = RawJson{usage.starts_with('{') ? std::string{usage} : "null"};
  co_return out;
}

Result<std::string> object_in(std::string_view text) {
  auto const begin = text.find('{'), end = text.rfind('}');
  if (begin != std::string_view::npos && end != std::string_view::npos && begin < end) {
    auto const object = text.substr(begin, end - begin + 1);
    if (json::check(object)) return std::string{object};
  }
  return Error{Code::upstream_failed,
               fmt::format("the vision model did not answer in the form asked for: {}", text.substr(0, 200))};
}

std::optional<PictureBox> box_in(std::string_view json) {
  auto number = [&](std::string_view key) { return as_number(raw::member(json, key)); };
  auto const x = number("x"), y = number("y"), width = number("width"), height = number("height");
  if (!x || !y || !width || !height) return std::nullopt;
  auto const within = [](double value) { return value >= 0 && value <= 1; };
  if (!within(*x) || !within(*y) || !(*width > 0) || !(*height > 0) || *x + *width > 1.001 || *y + *height > 1.001)
    return std::nullopt;
  return PictureBox{*x, *y, *width, *height};
}

}  // namespace patchbay::home_assistant
