// Category camera_vlm: what a vision model says of a camera's present picture. Nothing is invented: without a model, or
// with an answer that is not of the form asked for, there is an error.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/camera.hpp"
#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/values.hpp"
#include "plugins/home_assistant/vision_model.hpp"

namespace patchbay::home_assistant {

struct AnalyzeArgs {
  std::string camera_entity_id, prompt;
  std::optional<std::string> model;
};
struct AnalyzeResult {
  std::string camera_entity_id, model, prompt, response, timestamp;
  std::uint64_t image_size = 0;
  RawJson usage;
};
struct DetectArgs {
  std::string camera_entity_id;
  std::optional<std::vector<std::string>> object_types;
  std::optional<std::string> model;
};
struct Detection {
  std::string kind;
  double confidence = 0;
  std::optional<PictureBox> bounding_box;
};
struct DetectResult {
  std::string camera_entity_id, timestamp, source, model;
  std::vector<Detection> detections;
  std::uint64_t detection_count = 0, discarded = 0, image_size = 0;
  std::string confidence_is = "estimated by the model";
};
struct FacesArgs {
  std::string camera_entity_id;
  std::optional<std::vector<std::string>> known_faces;
};
struct Face {
  std::string name;
  double confidence = 0;
  std::optional<PictureBox> bounding_box;
};
struct FacesResult {
  std::string camera_entity_id, timestamp, source;
  std::uint64_t faces_detected = 0, unknown_faces = 0;
  std::vector<Face> recognized_faces;
  std::vector<std::string> without_reference;
  std::string confidence_is;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

namespace home_assistant {
template <class A>
constexpr auto camera_field(std::string A::*member) {
  return field("camera_entity_id", member, "Camera, such as camera.demo_camera").length(3, 255).alias("entity_id");
}
}  // namespace home_assistant

template <>
struct Describe<ha::AnalyzeArgs> {
  using A = ha::AnalyzeArgs;
  static constexpr std::tuple fields{
      ha::camera_field(&A::camera_entity_id),
      field("prompt", &A::prompt, "Question about the picture").length(1, 8'000),
      field("model", &A::model, "Model name; the configured one when absent").nullable().length(0, 200)};
};
template <>
struct Describe<ha::AnalyzeResult> {
  using R = ha::AnalyzeResult;
  static constexpr std::tuple fields{
      field("camera_entity_id", &R::camera_entity_id, "The camera"),
      field("model", &R::model, "The model that answered"),
      field("prompt", &R::prompt, "As given"),
      field("response", &R::response, "What the model says"),
      field("image_size", &R::image_size, "Bytes of the picture"),
      field("timestamp", &R::timestamp, "When the picture was taken"),
      field("usage", &R::usage, "Tokens, as the model's API tells").type("object", "null")};
};
template <>
struct Describe<ha::DetectArgs> {
  using A = ha::DetectArgs;
  static constexpr std::tuple fields{
      ha::camera_field(&A::camera_entity_id),
      field("object_types", &A::object_types, "Kinds to look for, such as person; all when absent")
          .nullable()
          .length(0, 50),
      field("model", &A::model, "Model name; the configured one when absent").nullable().length(0, 200)};
};
template <>
struct Describe<ha::Detection> {
  using R = ha::Detection;
  static constexpr std::tuple fields{field("class", &R::kind, "What it is"),
                                     field("confidence", &R::confidence, "0 to 1, as the model estimates"),
                                     field("bounding_box", &R::bounding_box, "Where, in parts of the picture")};
};
template <>
struct Describe<ha::DetectResult> {
  using R = ha::DetectResult;
  static constexpr std::tuple fields{
      field("camera_entity_id", &R::camera_entity_id, "The camera"),
      field("detections", &R::detections, "What the model sees"),
      field("detection_count", &R::detection_count, "How many"),
      field("discarded", &R::discarded, "Detections of the model that were not of the form asked for"),
      field("image_size", &R::image_size, "Bytes of the picture"),
      field("timestamp", &R::timestamp, "When the picture was taken"),
      field("source", &R::source, "vision model"),
      field("model", &R::model, "The model that answered"),
      field("confidence_is", &R::confidence_is, "Where the confidence comes from")};
};
template <>
struct Describe<ha::FacesArgs> {
  using A = ha::FacesArgs;
  static constexpr std::tuple fields{
      ha::camera_field(&A::camera_entity_id),
      field("known_faces", &A::known_faces,
            "Names to look for; with a vision model, each needs a picture faces/<name>.jpg in the configuration folder")
          .nullable()
          .length(0, 10)};
};
template <>
struct Describe<ha::Face> {
  using R = ha::Face;
  static constexpr std::tuple fields{field("name", &R::name, "Who it is"),
                                     field("confidence", &R::confidence, "0 to 1"),
                                     field("bounding_box", &R::bounding_box, "Where, in parts of the picture")};
};
template <>
struct Describe<ha::FacesResult> {
  using R = ha::FacesResult;
  static constexpr std::tuple fields{
      field("camera_entity_id", &R::camera_entity_id, "The camera"),
      field("faces_detected", &R::faces_detected, "Faces in the picture"),
      field("recognized_faces", &R::recognized_faces, "Those that were matched"),
      field("unknown_faces", &R::unknown_faces, "Those that were not"),
      field("without_reference", &R::without_reference, "Names asked for of which there is no picture to compare with"),
      field("timestamp", &R::timestamp, "When that was seen"),
      field("source", &R::source, "The image_processing entity, or vision model"),
      field("confidence_is", &R::confidence_is, "Where the confidence comes from")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

template <class A, class R>
constexpr auto vision_tool(char const* name, char const* summary, char const* example) {
  return reading_tool<A, R>("camera_vlm", name, summary, example, nullptr, "ha.read", std::chrono::seconds{90});
}
constexpr auto analyze_op = vision_tool<AnalyzeArgs, AnalyzeResult>(
    "analyze_camera_vlm", "Ask the configured vision model a question about a camera's present picture.",
    R"({"camera_entity_id":"camera.demo_camera","prompt":"Is the gate open?"})");
constexpr auto detect_op = vision_tool<DetectArgs, DetectResult>(
    "object_detection", "Find objects in a camera's present picture with the configured vision model.",
    R"({"camera_entity_id":"camera.demo_camera","object_types":["person","car"]})");
constexpr auto faces_op = vision_tool<FacesArgs, FacesResult>(
    "facial_recognition",
    "Tell which known people a camera sees, by Home Assistant's face recognition or by comparison.",
    R"({"camera_entity_id":"camera.demo_camera"})");

std::string now_text() { return iso_of_seconds(std::floor(seconds_now())); }

std::string listed(std::vector<std::string> const& texts) {
  std::string out;
  for (auto const& one : texts) out += (out.empty() ? "" : ", ") + json::quoted(one);
  return out;
}

double confidence_in(std::string_view value) {
  auto const number = as_number(value);
  return number && *number >= 0 && *number <= 1 ? *number : -1;
}

Tool<AnalyzeResult> analyze(HomeAssistant& self, sdk::Call& call, AnalyzeArgs args) {
  if (auto configured = vision_configured(self.settings()); !configured) co_return configured.error();
  auto taking = snapshot_of(self, call, args.camera_entity_id, "/camera_entity_id");
  Result<Snapshot> picture = co_await std::move(taking);
  if (!picture) co_return picture.error();
  sdk::Answer<AnalyzeResult> out;
  out.data.timestamp = now_text();
  VisionQuestion question{args.prompt, {picture->data_uri()}};
  question.model = args.model.value_or("");
  auto asking = ask_vision(self, call, std::move(question));
  Result<VisionAnswer> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  out.data.camera_entity_id = std::move(args.camera_entity_id);
  out.data.prompt = std::move(args.prompt);
  out.data.model = std::move(answer->model);
  out.data.response = std::move(answer->text);
  out.data.usage = std::move(answer->usage);
  out.data.image_size = picture->size;
  out.message = fmt::format("{} looked at {}", out.data.model, out.data.camera_entity_id);
  co_return out;
}

Tool<DetectResult> detect(HomeAssistant& self, sdk::Call& call, DetectArgs args) {
  if (auto configured = vision_configured(self.settings()); !configured) co_return configured.error();
  auto taking = snapshot_of(self, call, args.camera_entity_id, "/camera_entity_id");
  Result<Snapshot> picture = co_await std::move(taking);
  if (!picture) co_return picture.error();
  sdk::Answer<DetectResult> out;
  out.data.timestamp = now_text();
  bool const some = args.object_types && !args.object_types->empty();
  VisionQuestion question;
  question.prompt = fmt::format(
      "Find the objects in this picture{}. Answer with one JSON object and nothing else: {{\"detections\": "
      "[{{\"class\": "
      "\"person\", \"confidence\": 0.0, \"bounding_box\": {{\"x\": 0.0, \"y\": 0.0, \"width\": 0.0, \"height\": "
      "0.0}}}}]}}. Boxes are fractions of the picture's width and height from its upper left corner; confidence is "
      "your "
      "own estimate from 0 to 1. With nothing to be seen the list is empty.",
      some ? ", only of these kinds: " + listed(*args.object_types) : "");
  question.pictures = {picture->data_uri()};
  question.model = args.model.value_or("");
  question.json = true;
  auto asking = ask_vision(self, call, std::move(question));
  Result<VisionAnswer> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto object = object_in(answer->text);
  if (!object) co_return object.error();
  auto const list = raw::member(*object, "detections");
  if (!list.starts_with('['))
    co_return Error{Code::upstream_failed, "the vision model's answer has no list of detections"};
  raw::each_item(list, [&](std::string_view one) {
    Detection found{raw::text(raw::member(one, "class")), confidence_in(raw::member(one, "confidence")),
                    box_in(raw::member(one, "bounding_box"))};
    auto const kind = lower(found.kind);
    bool const wanted = !some || std::any_of(args.object_types->begin(), args.object_types->end(),
                                             [&](std::string const& type) { return lower(type) == kind; });
    if (found.kind.empty() || found.confidence < 0 || !found.bounding_box || !wanted)
      ++out.data.discarded;
    else
      out.data.detections.push_back(std::move(found));
  });
  out.data.camera_entity_id = std::move(args.camera_entity_id);
  out.data.detection_count = out.data.detections.size();
  out.data.image_size = picture->size;
  out.data.source = "vision model";
  out.data.model = std::move(answer->model);
  out.message =
      fmt::format("{} in the picture of {}", plural(out.data.detection_count, "object"), out.data.camera_entity_id);
  co_return out;
}

// Home Assistant's own face recognition for this camera: an image_processing entity with faces that is named for it.
EntityState const* face_entity(HomeAssistant& self, Access const& access, std::string_view camera) {
  EntityState const* found = nullptr;
  auto const object = camera.substr(camera.find('.') + 1);
  self.mirror().each([&](EntityState const& one) {
    if (one.domain() != "image_processing" || !access.sees(one.entity_id)) return;
    if (!one.attribute("faces").starts_with('[') || one.state == "unavailable") return;
    auto const of = one.text_attribute("camera_entity");
    if (of == camera || (of.empty() && one.entity_id.find(object) != std::string::npos)) found = &one;
  });
  return found;
}

void take_faces(EntityState const& entity, FacesArgs const& args, FacesResult& out) {
  out.source = entity.entity_id;
  out.timestamp = entity.last_updated();
  out.confidence_is = "as the integration reports it";
  raw::each_item(entity.attribute("faces"), [&](std::string_view one) {
    ++out.faces_detected;
    Face face;
    face.name = raw::text(raw::member(one, "name"));
    auto const percent = as_number(raw::member(one, "confidence")).value_or(0);
    face.confidence = std::clamp(percent > 1 ? percent / 100 : percent, 0.0, 1.0);
    bool const wanted = !args.known_faces || args.known_faces->empty() ||
                        std::any_of(args.known_faces->begin(), args.known_faces->end(),
                                    [&](std::string const& name) { return lower(name) == lower(face.name); });
    if (face.name.empty() || lower(face.name) == "unknown" || !wanted)
      ++out.unknown_faces;
    else
      out.recognized_faces.push_back(std::move(face));
  });
}

// Pictures of the people asked for, to compare with.
VisionQuestion comparison(HomeAssistant& self, FacesArgs const& args, Snapshot const& picture, FacesResult& out,
                          std::vector<std::string>& known) {
  VisionQuestion question;
  question.json = true;
  question.labels.emplace_back("The picture of the camera:");
  question.pictures.push_back(picture.data_uri());
  auto folder = self.files().folder();
  for (auto const& name : args.known_faces.value_or(std::vector<std::string>{})) {
    bool found = false;
    for (auto const* end : {"jpg", "jpeg", "png"}) {
      if (found || !folder || name.find('/') != std::string::npos) continue;
      auto reference = (*folder)->read(fmt::format("faces/{}.{}", name, end), std::uint64_t{2} << 20, "/known_faces");
      if (!reference) continue;
      question.labels.push_back("A picture of " + name + ":");
      question.pictures.push_back(fmt::format(
          "data:image/{};base64,{}", std::string_view{end} == "png" ? "png" : "jpeg", base64_of(reference->bytes)));
      found = true;
    }
    if (found)
      known.push_back(name);
    else
      out.without_reference.push_back(name);
  }
  question.prompt = fmt::format(
      "How many human faces are in the camera's picture, which comes first?{} Answer with one JSON object and nothing "
      "else: {{\"faces_detected\": 0, \"recognized_faces\": [{{\"name\": \"\", \"confidence\": 0.0, \"bounding_box\": "
      "{{\"x\": 0.0, \"y\": 0.0, \"width\": 0.0, \"height\": 0.0}}}}]}}. Name a face only when you are sure.",
      known.empty() ? std::string{} : " Compare them with the pictures of these people: " + listed(known) + ".");
  return question;
}

Tool<FacesResult> recognise(HomeAssistant& self, sdk::Call& call, FacesArgs args) {
  if (!is_entity_id(args.camera_entity_id) || domain_of(args.camera_entity_id) != "camera")
    co_return Error{Code::invalid_argument, "not the id of a camera, such as camera.demo_camera", "/camera_entity_id"};
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  sdk::Answer<FacesResult> out;
  if (auto const* entity = face_entity(self, access, args.camera_entity_id)) {
    take_faces(*entity, args, out.data);
  } else {
    if (!self.settings().vision.faces || self.settings().vision.url.empty())
      co_return Error{
          Code::unavailable,
          fmt::format(
              "nothing recognises faces for {}: Home Assistant has no image_processing entity with faces for it, "
              "and pictures of people go to a vision model only when plugins.home_assistant.vision.url is set "
              "and vision.faces is true",
              args.camera_entity_id)};
    auto taking = snapshot_of(self, call, args.camera_entity_id, "/camera_entity_id");
    Result<Snapshot> picture = co_await std::move(taking);
    if (!picture) co_return picture.error();
    out.data.timestamp = now_text();
    std::vector<std::string> known;
    auto question = comparison(self, args, *picture, out.data, known);
    auto asking = ask_vision(self, call, std::move(question));
    Result<VisionAnswer> answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    auto object = object_in(answer->text);
    if (!object) co_return object.error();
    auto const count = as_number(raw::member(*object, "faces_detected"));
    if (!count || *count < 0 || *count > 1'000 || *count != std::floor(*count))
      co_return Error{Code::upstream_failed, "the vision model's answer does not tell how many faces there are"};
    out.data.faces_detected = static_cast<std::uint64_t>(*count);
    raw::each_item(raw::member(*object, "recognized_faces"), [&](std::string_view one) {
      Face face{raw::text(raw::member(one, "name")), confidence_in(raw::member(one, "confidence")),
                box_in(raw::member(one, "bounding_box"))};
      // Only who was asked for and could be compared, each once: a name from nowhere is no match.
      auto const at = std::find(known.begin(), known.end(), face.name);
      if (at == known.end() || face.confidence < 0.5 || out.data.recognized_faces.size() >= out.data.faces_detected)
        return;
      known.erase(at);
      out.data.recognized_faces.push_back(std::move(face));
    });
    out.data.unknown_faces = out.data.faces_detected - out.data.recognized_faces.size();
    out.data.source = "vision model";
    out.data.confidence_is = "estimated by the model";
  }
  out.data.camera_entity_id = std::move(args.camera_entity_id);
  out.message =
      fmt::format("{}, {} recognised", plural(out.data.faces_detected, "face"), out.data.recognized_faces.size());
  co_return out;
}

}  // namespace

void declare_vision(sdk::Table<HomeAssistant>& table) {
  add_tool<analyze_op, &analyze, Reach::entities>(table);
  add_tool<detect_op, &detect, Reach::entities>(table);
  add_tool<faces_op, &recognise, Reach::entities>(table);
}

}  // namespace patchbay::home_assistant
