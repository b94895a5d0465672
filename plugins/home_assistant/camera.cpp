// Category camera: the present picture of a camera.
#include "plugins/home_assistant/camera.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct SnapshotArgs {
  std::string entity_id;
  std::optional<std::string> filename;
  bool include_image = true;
};
struct SnapshotResult {
  std::string entity_id;
  std::optional<std::string> image_base64;
  std::string content_type;
  std::uint64_t size = 0;
  std::optional<std::string> saved_path, previous_version;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::SnapshotArgs> {
  using A = ha::SnapshotArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Entity id of the camera, such as camera.demo_camera")
          .length(3, 255)
          .alias("camera_entity_id"),
      field("filename", &A::filename,
            "File below www or media of the configuration folder to store the picture in; takes the scope ha.files")
          .nullable()
          .length(0, 1'024),
      field("include_image", &A::include_image, "false: without the picture, where it is only to be stored")
          .nullable()};
};
template <>
struct Describe<ha::SnapshotResult> {
  using R = ha::SnapshotResult;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The camera"),
                                     field("image_base64", &R::image_base64, "The picture"),
                                     field("content_type", &R::content_type, "Such as image/jpeg"),
                                     field("size", &R::size, "Bytes of the picture"),
                                     field("saved_path", &R::saved_path, "Where it was stored"),
                                     field("previous_version", &R::previous_version,
                                           "A file that was there, kept for ha_restore_version (kind file)")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr std::uint64_t most_picture_bytes = std::uint64_t{8} << 20;

constexpr auto snapshot_op = reading_tool<SnapshotArgs, SnapshotResult>(
    "camera", "camera_snapshot", "Fetch the present picture of a camera, and store it when a file is named.",
    R"({"entity_id":"camera.demo_camera"})");

// Where a picture may go. Errors: at /filename.
Result<std::string> picture_path(HomeAssistant& self, sdk::Call& call, std::string const& filename) {
  std::string const at = "/filename";
  if (self.settings().read_only)
    return Error{Code::forbidden, "this gateway only reads: plugins.home_assistant.read_only is true", at};
  if (!call.may("ha.files")) return Error{Code::forbidden, "storing a picture takes the scope ha.files", at};
  auto folder = self.files().folder();
  if (!folder) return folder.error();
  auto path = (*folder)->cleaned(filename, at);
  if (!path) return path.error();
  if (!path->starts_with("www/") && !path->starts_with("media/"))
    return Error{Code::invalid_argument, "pictures go below www or media, such as www/snapshots/hall.jpg", at};
  if (!path->ends_with(".jpg") && !path->ends_with(".jpeg") && !path->ends_with(".png"))
    return Error{Code::invalid_argument, "a picture's name ends in .jpg, .jpeg or .png", at};
  return path;
}

Tool<SnapshotResult> snapshot(HomeAssistant& self, sdk::Call& call, SnapshotArgs args) {
  std::optional<std::string> path;
  if (args.filename && !args.filename->empty()) {
    auto checked = picture_path(self, call, *args.filename);
    if (!checked) co_return checked.error();
    path = std::move(*checked);
  }
  auto taking = snapshot_of(self, call, args.entity_id, "/entity_id");
  Result<Snapshot> picture = co_await std::move(taking);
  if (!picture) co_return picture.error();
  sdk::Answer<SnapshotResult> out;
  out.data.content_type = picture->content_type;
  out.data.size = picture->size;
  out.message = fmt::format("Picture of {}: {} bytes", args.entity_id, picture->size);
  if (path) {
    FileChange change{*path, from_base64(picture->base64).value_or(""), "ha_camera_snapshot", {}};
    change.pointer = "/filename";
    auto written = self.files().write(std::move(change));
    if (!written) co_return written.error();
    out.data.saved_path = std::move(written->path);
    out.data.previous_version = std::move(written->version);
    out.message += ", stored in " + *out.data.saved_path;
  }
  if (args.include_image) out.data.image_base64 = std::move(picture->base64);
  out.data.entity_id = std::move(args.entity_id);
  co_return out;
}

}  // namespace

sdk::Task<Result<Snapshot>> snapshot_of(HomeAssistant& self, sdk::Call& call, std::string entity_id,
                                        std::string pointer) {
  if (!is_entity_id(entity_id) || domain_of(entity_id) != "camera")
    co_return Error{Code::invalid_argument, "not the id of a camera, such as camera.demo_camera", pointer};
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  if (self.mirror().state(entity_id) == nullptr) {
    auto const access = self.access(call);
    co_return self.mirror().unknown(entity_id, pointer, [&access](std::string_view one) { return access.sees(one); });
  }
  auto asking = self.session().rest(call, "GET", "/camera_proxy/" + entity_id);
  Result<RestAnswer> answer = co_await std::move(asking);
  if (!answer) {
    auto error = answer.error();
    if (error.code == Code::upstream_failed)
      error = Error{Code::unavailable, fmt::format("{} gives no picture now: {}", entity_id, error.message), pointer};
    co_return error;
  }
  Snapshot out;
  out.content_type = answer->content_type.substr(0, answer->content_type.find(';'));
  if (out.content_type == "image/jpg" || out.content_type.empty()) out.content_type = "image/jpeg";
  out.base64 = answer->base64.empty() ? base64_of(answer->text) : std::move(answer->base64);
  auto const padding = out.base64.ends_with("==") ? 2U : out.base64.ends_with('=') ? 1U : 0U;
  out.size = out.base64.size() / 4 * 3 - (out.base64.empty() ? 0U : padding);
  if (!out.content_type.starts_with("image/") || out.size == 0)
    co_return Error{Code::unavailable, fmt::format("{} gives no picture now", entity_id), pointer};
  if (out.size > most_picture_bytes)
    co_return Error{Code::too_large, fmt::format("the picture has {} bytes, more than 8 MiB", out.size), pointer};
  co_return out;
}

void declare_camera(sdk::Table<HomeAssistant>& table) { add_tool<snapshot_op, &snapshot, Reach::entities>(table); }

}  // namespace patchbay::home_assistant
