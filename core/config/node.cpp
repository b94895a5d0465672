#include "core/config/node.hpp"

#include <spdlog/fmt/fmt.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <set>
#include <sstream>

#include "core/base/utf8.hpp"

namespace patchbay::config {
namespace {

constexpr std::size_t most_depth = 32;
constexpr std::size_t most_nodes = 20'000;

struct Refused {
  int line;
  std::string reason;
};

std::size_t count_nodes(Node const& node) {
  std::size_t count = 1;
  for (auto const& item : node.items) count += count_nodes(item);
  for (auto const& member : node.members) count += count_nodes(member.value);
  return count;
}

// Builds the tree from the parser's events; YAML::Node would hide where a value stands.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::vector<Refused>& found) : found_(found) {}

  void OnDocumentStart(YAML::Mark const&) override {}
  void OnDocumentEnd() override {}
  void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override { put(at(mark, Node::Kind::null), anchor); }
  void OnAlias(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{mark.line + 1, "an alias to something that has not ended yet"};
    auto copy = found->second;
    count(mark, count_nodes(copy));
    put(std::move(copy), 0);
  }
  void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                std::string const& text) override {
    check_tag(mark, tag);
    auto node = at(mark, Node::Kind::scalar);
    node.quoted = tag == "!";
    node.text = text;
    if (!node.quoted && (text.empty() || text == "~" || text == "null")) node.kind = Node::Kind::null;
    put(std::move(node), anchor);
  }
  void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, style, Node::Kind::list);
  }
  void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, style, Node::Kind::map);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  std::optional<Node> root;

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor;
    bool has_key = false;
    Member pending{};
    std::set<std::string> names{};
  };

  static Node at(YAML::Mark const& mark, Node::Kind kind) {
    Node node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  static void check_tag(YAML::Mark const& mark, std::string const& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      throw Refused{mark.line + 1, fmt::format("the tag {} has no meaning here; write the value without it", tag)};
  }
  void count(YAML::Mark const& mark, std::size_t more) {
    nodes_ += more;
    if (nodes_ > most_nodes) throw Refused{mark.line + 1, fmt::format("more than {} values", most_nodes)};
  }
  void open(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style,
            Node::Kind kind) {
    check_tag(mark, tag);
    count(mark, 1);
    if (levels_.size() >= most_depth)
      throw Refused{mark.line + 1, fmt::format("nested deeper than {} levels", most_depth)};
    auto node = at(mark, kind);
    node.flow = style == YAML::EmitterStyle::Flow;
    levels_.push_back(Level{std::move(node), anchor});
  }
  void close() {
    auto level = std::move(levels_.back());
    levels_.pop_back();
    put(std::move(level.node), level.anchor);
  }
  void put(Node node, YAML::anchor_t anchor) {
    YAML::Mark mark;
    mark.line = node.line - 1;
    if (node.kind == Node::Kind::scalar || node.kind == Node::Kind::null) count(mark, 1);
    if (anchor != 0) anchors_[anchor] = node;
    if (levels_.empty()) {
      root = std::move(node);
      return;
    }
    auto& level = levels_.back();
    if (level.node.kind == Node::Kind::list) {
      level.node.items.push_back(std::move(node));
    } else if (!level.has_key) {
      if (node.kind != Node::Kind::scalar) throw Refused{node.line, "a key must be a plain word"};
      if (!level.names.insert(node.text).second)
        found_.push_back({node.line, fmt::format("the key \"{}\" stands there twice", node.text)});
      level.pending = Member{std::move(node.text), node.line, node.column, {}};
      level.has_key = true;
    } else {
      level.pending.value = std::move(node);
      level.node.members.push_back(std::move(level.pending));
      level.has_key = false;
    }
  }

  std::vector<Refused>& found_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t nodes_ = 0;
};

std::optional<Node> parse(std::string_view text, std::string const& file, Problems& problems) {
  if (text.size() > most_text_bytes) {
    problems.push_back({file, 0, "", fmt::format("more than {} bytes", most_text_bytes)});
    return std::nullopt;
  }
  if (auto const nul = text.find('\0'); nul != std::string_view::npos) {
    problems.push_back({file, 0, "", fmt::format("a NUL byte at byte {}: not a text file", nul)});
    return std::nullopt;
  }
  if (!is_utf8(text)) {
    int line = 1;  // the first line that is broken by itself
    for (std::size_t at = 0; at < text.size(); ++line) {
      auto const end = std::min(text.find('\n', at), text.size());
      if (!is_utf8(text.substr(at, end - at))) break;
      at = end + 1;
    }
    problems.push_back({file, line, "", "not valid UTF-8; save the file in that encoding"});
    return std::nullopt;
  }
  std::vector<Refused> found;
  Builder builder{found};
  bool complete = false;
  try {
    std::istringstream stream{std::string{text}};
    YAML::Parser parser{stream};
    if (!parser.HandleNextDocument(builder)) {
      Node empty;
      empty.line = empty.column = 1;
      builder.root = std::move(empty);
    } else if (Builder second{found}; parser.HandleNextDocument(second)) {
      found.push_back({second.root ? second.root->line : 0, "a second document; one is all that is read"});
    }
    complete = true;
  } catch (Refused const& refused) {
    found.push_back(refused);
  } catch (YAML::Exception const& error) {
    found.push_back({error.mark.is_null() ? 0 : error.mark.line + 1, "not YAML: " + error.msg});
  }
  for (auto& one : found) problems.push_back({file, one.line, "", std::move(one.reason)});
  if (!complete) return std::nullopt;
  return std::move(builder.root);
}

}  // namespace

Node const* Node::find(std::string_view name) const {
  for (auto const& member : members)
    if (member.name == name) return &member.value;
  return nullptr;
}

std::optional<Node> parse_yaml(std::string_view text, std::string const& file, Problems& problems) {
  auto root = parse(text, file, problems);
  if (!root) return std::nullopt;
  if (root->is_null()) root->kind = Node::Kind::map;
  if (!root->is_map()) {
    problems.push_back({file, root->line, "", "must be a map of sections, such as \"logging: {level: info}\""});
    return std::nullopt;
  }
  return root;
}

std::optional<Node> parse_yaml_value(std::string_view text, std::string const& source, Problems& problems) {
  bool const flow = text.starts_with('[') || text.starts_with('{') || text.starts_with('"') || text.starts_with('\'');
  if (flow) return parse(text, source, problems);
  if (!is_utf8(text)) {
    problems.push_back({source, 0, "", "not valid UTF-8"});
    return std::nullopt;
  }
  // Anything else is one scalar, also when YAML would see more in it (an address with ": ", a "#").
  Node node;
  node.kind = text.empty() || text == "~" || text == "null" ? Node::Kind::null : Node::Kind::scalar;
  if (text.empty()) {  // an empty variable is an empty text, not an absent one
    node.kind = Node::Kind::scalar;
    node.quoted = true;
  }
  node.text = std::string{text};
  return node;
}

Node from_json(json::Value const& value) {
  Node node;
  switch (value.GetType()) {
    case rapidjson::kNullType: break;
    case rapidjson::kObjectType:
      node.kind = Node::Kind::map;
      for (auto const& member : value.GetObject())
        node.members.push_back(Member{std::string{json::text_of(member.name)}, 0, 0, from_json(member.value)});
      break;
    case rapidjson::kArrayType:
      node.kind = Node::Kind::list;
      for (auto const& item : value.GetArray()) node.items.push_back(from_json(item));
      break;
    case rapidjson::kStringType:
      node.kind = Node::Kind::scalar;
      node.quoted = true;
      node.text = std::string{json::text_of(value)};
      break;
    default: node.kind = Node::Kind::scalar; node.text = json::to_text(value);
  }
  return node;
}

}  // namespace patchbay::config
