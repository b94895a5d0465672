// The vision model that the configuration names: pictures and a question go to its OpenAI-compatible API, through
// HTTP_CLIENT, and its words come back.
//
//   VisionQuestion question{.prompt = "How many cars?", .pictures = {snapshot.data_uri()}};
//   auto asking = ask_vision(self, call, std::move(question));
//   Result<VisionAnswer> answer = co_await std::move(asking);
//
// On the plugin's thread. Errors: unavailable (none is configured, naming the key), auth_failed (it refused the key),
// upstream_failed (no answer of that form), those of HTTP_CLIENT.
#pragma once

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct VisionQuestion {
  std::string prompt;
  std::vector<std::string> pictures;  // data: URIs, in the order of `labels`
  std::vector<std::string> labels{};  // a text before each picture, or none
  std::string model{};                // empty: the configured one
  bool json = false;                  // the answer is to be one JSON object
};
struct VisionAnswer {
  std::string model, text;
  RawJson usage;
};

Result<void> vision_configured(Settings const& settings);
sdk::Task<Result<VisionAnswer>> ask_vision(HomeAssistant& self, sdk::Call& call, VisionQuestion question);

// The JSON object in an answer, which models like to wrap in words and fences. Errors: upstream_failed.
Result<std::string> object_in(std::string_view text);

// A box in parts of the picture's width and height; nothing for one that is none.
struct PictureBox {
  double x = 0, y = 0, width = 0, height = 0;
};
std::optional<PictureBox> box_in(std::string_view json);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::PictureBox> {
  using R = home_assistant::PictureBox;
  static constexpr std::tuple fields{field("x", &R::x, "Left edge, 0 to 1 of the width"),
                                     field("y", &R::y, "Upper edge, 0 to 1 of the height"),
                                     field("width", &R::width, "0 to 1"), field("height", &R::height, "0 to 1")};
};
