#include "core/websocket/frame.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::websocket {
namespace {

constexpr std::size_t most_parts = 10'000;  // a frame of two million numbers must not become two million messages

// Follows the reader: notes the id field of the top-level object, or of each object in the top-level array.
class IdFinder {
 public:
  explicit IdFinder(std::string_view id_field) : id_field_(id_field) {}

  bool Null() { return scalar(); }
  bool Bool(bool) { return scalar(); }
  bool Int(int) { return scalar(); }
  bool Int64(std::int64_t) { return scalar(); }
  bool Double(double) { return scalar(); }
  bool RawNumber(char const*, rapidjson::SizeType, bool) { return scalar(); }
  bool String(char const*, rapidjson::SizeType, bool) { return scalar(); }
  bool Uint(unsigned value) { return number(value); }
  bool Uint64(std::uint64_t value) { return number(value); }
  bool Key(char const* text, rapidjson::SizeType size, bool) {
    is_id_ = depth_ == wanted_ && std::string_view{text, size} == id_field_;
    has_id_ = has_id_ || is_id_;
    return true;
  }
  bool StartObject() {
    if (!begin_value()) return false;
    if (depth_ == 0) kind_ = Scan::Kind::object;
    ++depth_;
    return true;
  }
  bool StartArray() {
    if (!begin_value()) return false;
    if (depth_ == 0) {
      kind_ = Scan::Kind::array;
      wanted_ = 2;
      ids_.clear();
    }
    ++depth_;
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return --depth_, true; }
  bool EndArray(rapidjson::SizeType) { return --depth_, true; }

  Scan::Kind kind() const { return kind_; }
  bool has_id() const { return has_id_; }
  std::optional<std::uint64_t> id() const { return ids_.empty() ? std::nullopt : ids_.front(); }
  std::vector<std::optional<std::uint64_t>> const& ids() const { return ids_; }

 private:
  // Every value passes here first: at the level of the messages it opens a place for an id.
  bool begin_value() {
    is_id_ = false;
    if (depth_ + 1 != wanted_) return true;
    ids_.emplace_back();
    return ids_.size() <= most_parts;
  }
  bool scalar() { return begin_value(); }
  bool number(std::uint64_t value) {
    if (is_id_ && depth_ == wanted_) ids_.back() = value;
    return begin_value();
  }

  std::string_view id_field_;
  Scan::Kind kind_ = Scan::Kind::other;
  unsigned depth_ = 0, wanted_ = 1;
  bool is_id_ = false, has_id_ = false;
  std::vector<std::optional<std::uint64_t>> ids_;
};

// The elements of an array that is known to be valid JSON.
std::vector<std::string_view> elements(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t const open = text.find('[');
  std::size_t begin = open + 1;
  unsigned depth = 0;
  auto take = [&](std::size_t end) {
    auto from = text.find_first_not_of(" \t\r\n", begin);
    if (from >= end) return;
    auto to = end;
    while (to > from && std::string_view{" \t\r\n"}.find(text[to - 1]) != std::string_view::npos) --to;
    out.push_back(text.substr(from, to - from));
  };
  for (std::size_t i = begin; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; text[i] != '"'; ++i)
          if (text[i] == '\\') ++i;
        break;
      case '{':
      case '[': ++depth; break;
      case '}': --depth; break;
      case ']':
        if (depth == 0) {
          take(i);
          return out;
        }
        --depth;
        break;
      case ',':
        if (depth == 0) {
          take(i);
          begin = i + 1;
        }
        break;
      default: break;
    }
  }
  return out;
}

std::optional<Error> scan(std::string_view text, json::Limits const& limits, IdFinder& finder) {
  rapidjson::MemoryStream stream{text.data(), text.size()};
  return json::detail::run<json::detail::parse_flags>(text, stream, limits, finder, nullptr);
}

}  // namespace

Scan scan_frame(std::string_view text, std::string_view id_field, json::Limits const& limits) {
  Scan out;
  IdFinder finder{id_field};
  if (auto const wrong = scan(text, limits, finder)) {
    out.problem = finder.ids().size() > most_parts ? fmt::format("an array of more than {} messages", most_parts)
                                                   : wrong->message;
    if (finder.kind() == Scan::Kind::object) out.id = finder.id();
    return out;
  }
  out.kind = finder.kind();
  if (out.kind == Scan::Kind::object) out.id = finder.id();
  if (out.kind == Scan::Kind::array) {
    auto const texts = elements(text);
    for (std::size_t i = 0; i < texts.size() && i < finder.ids().size(); ++i)
      out.parts.push_back(Part{texts[i], finder.ids()[i]});
  }
  return out;
}

Result<Numbered> with_id(std::string_view message, std::string_view id_field, std::uint64_t id) {
  IdFinder finder{id_field};
  if (auto const wrong = scan(message, json::upstream_limits, finder))
    return Error{Code::invalid_argument, "message is no JSON: " + wrong->message, "/message"};
  if (finder.kind() != Scan::Kind::object)
    return Error{Code::invalid_argument, "message must be an object, so that an id can be put in", "/message"};
  if (finder.has_id())
    return Error{Code::invalid_argument,
                 fmt::format("message must not have a member \"{}\": the gateway numbers requests itself", id_field),
                 "/message" + json::pointer_token(id_field)};
  auto tail = message.substr(message.find('{') + 1);
  bool const empty = tail[tail.find_first_not_of(" \t\r\n")] == '}';
  Numbered out{fmt::format("{{{}:{}{}", json::quoted(id_field), id, empty ? "" : ","), tail};
  return out;
}

Result<std::string> with_own_id(std::string_view message, std::uint64_t id) {
  auto parsed = json::parse(message, json::upstream_limits);
  if (!parsed) return parsed.error();
  if (!parsed->document.IsObject())
    return Error{Code::invalid_argument, "unsubscribe must be an object", "/unsubscribe"};
  struct Walk {
    std::uint64_t id;
    void operator()(json::Value& value) const {
      if (value.IsString() && json::text_of(value) == "$id")
        value.SetUint64(id);
      else if (value.IsArray())
        for (auto& item : value.GetArray()) (*this)(item);
      else if (value.IsObject())
        for (auto& member : value.GetObject()) (*this)(member.value);
    }
  };
  Walk{id}(parsed->document);
  return json::to_text(parsed->document);
}

bool matches(json::Value const& pattern, json::Value const& frame) {
  if (!pattern.IsObject()) return pattern == frame;
  if (!frame.IsObject()) return false;
  for (auto const& member : pattern.GetObject()) {
    auto const* found = json::find(frame, json::text_of(member.name));
    if (found == nullptr || !matches(member.value, *found)) return false;
  }
  return true;
}

}  // namespace patchbay::websocket
