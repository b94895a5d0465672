#include "core/websocket/opening.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/websocket/frame.hpp"

namespace patchbay::websocket {

Result<Opening> Opening::make(std::vector<OpeningStep> const& steps) {
  Opening out;
  if (steps.size() > 64)
    return Error{Code::invalid_argument, fmt::format("opening has {} steps, at most 64 are taken", steps.size()),
                 "/opening"};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    auto const& given = steps[i];
    auto const pointer = fmt::format("/opening/{}", i);
    if (given.send.has_value() == given.expect.has_value())
      return Error{Code::invalid_argument, "a step of the opening has either expect or send", pointer};
    if (given.send && given.refuse)
      return Error{Code::invalid_argument, "refuse belongs beside expect, not beside send", pointer + "/refuse"};
    Step step;
    if (given.send) {
      auto const valid = json::check(given.send->text);
      if (!valid) return Error{Code::invalid_argument, valid.error().message, pointer + "/send"};
      step.send = given.send->text;
    }
    auto object = [&](std::optional<RawJson> const& raw, std::string const& where,
                      std::shared_ptr<json::Parsed>& to) -> Result<void> {
      if (!raw) return {};
      auto parsed = json::parse(raw->text);
      if (!parsed) return Error{Code::invalid_argument, parsed.error().message, where};
      if (!parsed->document.IsObject())
        return Error{Code::invalid_argument, "must be an object: the fields that a frame must have", where};
      to = std::make_shared<json::Parsed>(std::move(*parsed));
      to->text = {};  // borrowed from the caller
      return {};
    };
    auto const expect = object(given.expect, pointer + "/expect", step.expect);
    if (!expect) return expect.error();
    auto const refuse = object(given.refuse, pointer + "/refuse", step.refuse);
    if (!refuse) return refuse.error();
    out.steps_.push_back(std::move(step));
  }
  return out;
}

std::string const* Opening::Play::to_send() {
  if (done() || opening_.steps_[at_].expect) return nullptr;
  return &opening_.steps_[at_++].send;
}

Opening::Fed Opening::Play::feed(std::string_view frame) {
  if (done() || !opening_.steps_[at_].expect) return Fed::other;
  auto const parsed = json::parse(frame, json::upstream_limits);
  if (!parsed) return Fed::other;
  auto const& step = opening_.steps_[at_];
  if (matches(step.expect->document, parsed->document)) {
    ++at_;
    return Fed::matched;
  }
  return step.refuse && matches(step.refuse->document, parsed->document) ? Fed::refused : Fed::other;
}

}  // namespace patchbay::websocket
