#include "plugins/home_assistant/yaml_edit.hpp"

#include <spdlog/fmt/fmt.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "plugins/home_assistant/yaml_card.hpp"
#include "plugins/home_assistant/yaml_documents.hpp"
#include "plugins/home_assistant/yaml_text.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr std::size_t most_values = 200'000;

struct Refusal {
  Error error;
};
[[noreturn]] void refuse(Code code, std::string message, std::string pointer = {}) {
  throw Refusal{Error{code, std::move(message), std::move(pointer)}};
}
[[noreturn]] void unsure(std::string_view why) {
  refuse(Code::unsupported, fmt::format("this cannot be changed surely: {}; edit the text with ha_write_file", why));
}

// ---- what a text means, compared before and after ----

struct Meaning {
  enum Kind : std::uint8_t { none, scalar, list, map } kind = none;
  std::string tag, text;
  std::vector<Meaning> items;
  std::vector<std::pair<Meaning, Meaning>> members;
  friend bool operator==(Meaning const&, Meaning const&) = default;

  bool is_plain_map() const { return kind == map && tag == "?"; }
  bool is_plain_list() const { return kind == list && tag == "?"; }
  bool is_tagged() const { return kind != none && tag != "?" && tag != "!"; }
  std::pair<Meaning, Meaning>* find(Meaning const& key) {
    auto const at =
        std::find_if(members.begin(), members.end(), [&](auto const& one) { return one.first.text == key.text; });
    return at == members.end() ? nullptr : &*at;
  }
};

Meaning meaning_of(YAML::Node const& node, std::size_t& values) {
  if (++values > most_values) unsure("its aliases make it too large");
  Meaning out;
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: return out;
    case YAML::NodeType::Scalar:
      out.kind = Meaning::scalar;
      out.text = node.Scalar();
      break;
    case YAML::NodeType::Sequence:
      out.kind = Meaning::list;
      for (auto const& item : node) out.items.push_back(meaning_of(item, values));
      break;
    case YAML::NodeType::Map:
      out.kind = Meaning::map;
      for (auto const& pair : node)
        out.members.emplace_back(meaning_of(pair.first, values), meaning_of(pair.second, values));
      break;
  }
  out.tag = node.Tag();
  return out;
}
Meaning meaning_of(YAML::Node const& node) {
  std::size_t values = 0;
  return meaning_of(node, values);
}

// The last of two would hold, and merging would come to it only at the second time.
void refuse_double_keys(Meaning const& content) {
  std::set<std::string_view> keys;
  for (auto const& [key, value] : content.members) {
    if (!keys.insert(key.text).second)
      refuse(Code::invalid_argument, fmt::format("a map in content has the key {} more than once", key.text),
             "/content");
    refuse_double_keys(value);
  }
  for (auto const& item : content.items) refuse_double_keys(item);
}

// ---- the text ----

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\n") == std::string_view::npos; }
std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }
bool is_comment(std::string_view line) {
  auto const at = line.find_first_not_of(" \t");
  return at != std::string_view::npos && line[at] == '#';
}

// With more right behind it, "..." is the beginning of a word.
bool is_end_marker(std::string_view line) {
  return line.starts_with("...") && (line.size() == 3 || is_blank(line.substr(3, 1)));
}

// One document: its lines, each with its line break, and what it says.
struct Text {
  std::vector<std::string> lines;
  YAML::Node root;
  std::string line_break = "\n";
  std::size_t end = 0;  // the line behind the document: its end, or the marker of it

  std::string joined() const {
    std::string out;
    for (auto const& line : lines) out += line;
    return out;
  }
};

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    auto const cut = text.find('\n');
    auto const size = cut == std::string_view::npos ? text.size() : cut + 1;
    out.emplace_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

YAML::Node loaded(std::string const& text, std::string_view what, std::string_view pointer) {
  try {
    auto documents = yaml_documents(text);
    if (documents.size() > 1) unsure(fmt::format("{} has several documents", what));
    return documents.empty() ? YAML::Node{} : documents[0];
  } catch (YAML::Exception const& problem) {
    refuse(Code::invalid_argument,
           fmt::format("{} is not YAML: {} at line {}, column {}", what, problem.msg, problem.mark.line + 1,
                       problem.mark.column + 1),
           std::string{pointer});
  }
}

Text text_of(std::string_view text, std::string_view what, std::string_view pointer) {
  Text out;
  if (text.find("\r\n") != std::string_view::npos) out.line_break = "\r\n";
  for (std::size_t at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1))
    if (at + 1 >= text.size() || text[at + 1] != '\n') unsure("it has carriage returns without line feeds");
  out.root = loaded(std::string{text}, what, pointer);
  out.lines = split_lines(text);
  out.end = out.lines.size();
  for (std::size_t i = 0; i < out.lines.size(); ++i) {
    if (out.lines[i].starts_with("%")) unsure("it has directives");
    if (is_end_marker(out.lines[i])) out.end = std::min(out.end, i);
  }
  return out;
}

// A key of a block map and the lines it takes with its value, without blank lines and comments that follow.
struct Entry {
  YAML::Node key, value;
  std::size_t begin = 0, end = 0;
  std::size_t colon = 0;  // offset behind the colon, in the key's line
};

void find_colon(Text const& text, Entry& entry, std::size_t column) {
  auto const& line = text.lines[entry.begin];
  auto const written = std::string_view{line}.substr(column);
  std::size_t size = 0;
  if (written.starts_with('"') || written.starts_with('\'')) {
    for (size = 1; size < written.size() && written[size] != written[0]; ++size)
      if (written[0] == '"' && written[size] == '\\') ++size;
    ++size;
  } else if (written.starts_with(entry.key.Scalar())) {
    size = entry.key.Scalar().size();
  } else {
    unsure("a key is written with an anchor or a tag");
  }
  while (size < written.size() && written[size] == ' ') ++size;
  if (size >= written.size() || written[size] != ':') unsure("a key and its colon are on different lines");
  entry.colon = column + size + 1;
}

std::vector<Entry> entries_of(Text const& text, YAML::Node const& map, std::size_t limit) {
  if (map.Style() == YAML::EmitterStyle::Flow) unsure("it is written in flow style, { }");
  std::vector<Entry> out;
  std::optional<int> column;
  for (auto const& pair : map) {
    auto const mark = pair.first.Mark();
    if (!pair.first.IsScalar()) unsure("a key is no single word");
    if (mark.is_null() || static_cast<std::size_t>(mark.line) >= text.lines.size()) unsure("a key has no place");
    Entry entry{pair.first, pair.second, static_cast<std::size_t>(mark.line), limit, 0};
    if (entry.begin >= limit) unsure("a key stands behind the end of its map");
    auto const& line = text.lines[entry.begin];
    auto const at = static_cast<std::size_t>(mark.column);
    if (indent_of(line) != at) unsure("a key does not begin its line");
    if (column && *column != mark.column) unsure("keys of one map are in different columns");
    column = mark.column;
    if (!out.empty()) {
      if (out.back().begin >= entry.begin) unsure("two keys are on one line");
      out.back().end = entry.begin;
    }
    find_colon(text, entry, at);
    out.push_back(std::move(entry));
  }
  for (auto& entry : out)
    while (entry.end > entry.begin + 1) {
      auto const& line = text.lines[entry.end - 1];
      if (!is_blank(line) && !(is_comment(line) && indent_of(line) <= static_cast<std::size_t>(*column))) break;
      --entry.end;
    }
  return out;
}

// The comment behind what stands in a line from `from` on, with its "#"; quotes are looked through.
std::string comment_behind(std::string_view line, std::size_t from) {
  char quote = '\0';
  for (auto i = from; i < line.size(); ++i) {
    char const c = line[i];
    if (quote == '"' && c == '\\') {
      ++i;
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if ((c == '"' || c == '\'') && (line[i - 1] == ' ' || line[i - 1] == '[' || line[i - 1] == ',')) {
      quote = c;
    } else if (c == '#' && (line[i - 1] == ' ' || line[i - 1] == '\t')) {
      auto const out = line.substr(i);
      return std::string{out.substr(0, out.find_last_not_of("\r\n \t") + 1)};
    }
  }
  return {};
}

// Lines moved from one column to another, with this text's line breaks.
std::vector<std::string> shifted(std::vector<std::string> lines, std::size_t from, std::size_t to,
                                 std::string const& line_break) {
  for (auto& line : lines) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (!is_blank(line)) {
      if (to >= from)
        line.insert(0, to - from, ' ');
      else
        line.erase(0, std::min(from - to, indent_of(line)));
    }
    line += line_break;
  }
  return lines;
}

// ---- the change ----

class LineEditor {
 public:
  LineEditor(Text& text, Text const& addition) : text_(text), addition_(addition) {}

  std::uint64_t comments_gone = 0;

  void replace(Entry const& old, Entry const& with, std::size_t column) {
    auto const behind = comment_behind(text_.lines[old.begin], old.colon);
    for (auto i = old.begin + 1; i < old.end; ++i) comments_gone += is_comment(text_.lines[i]) ? 1 : 0;
    auto lines = taken(with, column);
    bool const simple = lines.size() == 1 || with.value.IsMap() || with.value.IsSequence();
    if (!behind.empty()) {
      auto& first = lines[0];
      if (simple && first.find(" #") == std::string::npos)
        first.insert(first.size() - text_.line_break.size(), "  " + behind);
      else
        ++comments_gone;
    }
    put(old.begin, old.end, std::move(lines));
  }

  void remove(Entry const& old) {
    for (auto i = old.begin; i < old.end; ++i)
      comments_gone +=
          is_comment(text_.lines[i]) || (i == old.begin && !comment_behind(text_.lines[i], old.colon).empty()) ? 1 : 0;
    put(old.begin, old.end, {});
  }

  void add(Entry const& entry, std::size_t column, std::size_t before) { put(before, before, taken(entry, column)); }

  // Later places first, so that the marks of earlier ones stay true.
  void merge(YAML::Node const& map, std::size_t limit, YAML::Node const& with, std::size_t with_limit) {
    auto const olds = entries_of(text_, map, limit);
    auto const news = entries_of(addition_, with, with_limit);
    if (olds.empty() || news.empty()) unsure("a map is empty");
    auto const column = indent_of(text_.lines[olds[0].begin]);
    std::vector<std::pair<std::size_t, Entry const*>> matches;
    for (auto const& one : news) {
      auto const found = std::find_if(olds.begin(), olds.end(),
                                      [&](Entry const& old) { return old.key.Scalar() == one.key.Scalar(); });
      matches.emplace_back(static_cast<std::size_t>(found - olds.begin()), &one);
    }
    for (auto one = matches.rbegin(); one != matches.rend(); ++one)
      if (one->first == olds.size()) add(*one->second, column, olds.back().end);
    std::stable_sort(matches.begin(), matches.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
    for (auto const& [index, entry] : matches)
      if (index < olds.size()) join(olds[index], *entry, column);
  }

  void join(Entry const& old, Entry const& with, std::size_t column) {
    auto const was = meaning_of(old.value), now = meaning_of(with.value);
    if (was == now) return;
    if (was.is_plain_map() && now.is_plain_map() && !was.members.empty() && !now.members.empty())
      return merge(old.value, old.end, with.value, with.end);
    if (was.is_plain_list() && now.is_plain_list() && !was.items.empty()) return append(old, with, was, now);
    replace(old, with, column);
  }

  void append(Entry const& old, Entry const& with, Meaning const& was, Meaning const& now) {
    if (old.value.Style() == YAML::EmitterStyle::Flow || with.value.Style() == YAML::EmitterStyle::Flow)
      unsure("a list is written in flow style, [ ]");
    auto const from = static_cast<std::size_t>(with.value.Mark().column);
    auto const to = static_cast<std::size_t>(old.value.Mark().column);
    std::vector<std::size_t> begins;
    for (auto i = with.begin + 1; i < with.end; ++i) {
      std::string_view const line = addition_.lines[i];
      if (indent_of(line) != from || from == line.size() || line[from] != '-') continue;
      auto const behind = line.substr(from + 1);
      if (behind.starts_with(' ') || is_blank(behind)) begins.push_back(i);
    }
    if (begins.size() != now.items.size()) unsure("the items of a list are not each on lines of their own");
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < begins.size(); ++i) {
      if (std::find(was.items.begin(), was.items.end(), now.items[i]) != was.items.end()) continue;
      auto const end = i + 1 < begins.size() ? begins[i + 1] : with.end;
      for (auto k = begins[i]; k < end; ++k) lines.push_back(addition_.lines[k]);
    }
    put(old.end, old.end, shifted(std::move(lines), from, to, text_.line_break));
  }

 private:
  std::vector<std::string> taken(Entry const& entry, std::size_t column) const {
    std::vector<std::string> lines{addition_.lines.begin() + static_cast<std::ptrdiff_t>(entry.begin),
                                   addition_.lines.begin() + static_cast<std::ptrdiff_t>(entry.end)};
    auto const from = indent_of(lines[0]);
    return shifted(std::move(lines), from, column, text_.line_break);
  }
  void put(std::size_t begin, std::size_t end, std::vector<std::string> lines) {
    auto& all = text_.lines;
    if (begin > 0 && begin == all.size() && !lines.empty() && !all.back().ends_with('\n'))
      all.back() += text_.line_break;
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end));
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(begin), lines.begin(), lines.end());
  }

  Text& text_;
  Text const& addition_;
};

// The same on meanings alone: what the outcome must be.
Meaning merged(Meaning was, Meaning const& now, std::string const& path) {
  if (was == now || was.kind == Meaning::none) return now;
  bool const other_file = was.tag.starts_with("!include");
  if (was.is_tagged() && (other_file || now.kind != Meaning::scalar))
    refuse(Code::conflict,
           fmt::format("{} is {} {}: change that file, or use the action replace", path, was.tag, was.text),
           "/content");
  if (was.is_plain_map() && now.is_plain_map()) {
    for (auto const& [key, value] : now.members) {
      if (key.text == "<<") unsure("it has merge keys, <<");
      if (auto* there = was.find(key))
        there->second = merged(std::move(there->second), value, path + "." + key.text);
      else
        was.members.emplace_back(key, value);
    }
    return was;
  }
  if (was.is_plain_list() && now.is_plain_list()) {
    std::vector<Meaning> const before = was.items;
    for (auto const& item : now.items)
      if (std::find(before.begin(), before.end(), item) == before.end()) was.items.push_back(item);
    return was;
  }
  if (was.kind == Meaning::scalar && now.kind != Meaning::map && now.kind != Meaning::list) return now;
  refuse(Code::invalid_argument,
         fmt::format("{} is another kind of value than what is to be merged into it; use the action replace", path),
         "/content");
}

// "key: <content>" as a text of its own.
std::string entry_text(std::string const& key, std::string_view content) {
  std::string body{content};
  while (!body.empty() && (body.back() == '\n' || body.back() == '\r' || body.back() == ' ')) body.pop_back();
  auto const node = loaded(body + "\n", "content", "/content");
  bool const block = (node.IsMap() || node.IsSequence()) && node.Style() != YAML::EmitterStyle::Flow;
  std::string out = key + ":";
  if (node.IsNull() && body.find_first_not_of(" \r\n") == std::string::npos) return out + "\n";
  bool first = true;
  for (auto line : split_lines(body)) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (line.starts_with("---") || line.starts_with("...")) unsure("content has document markers");
    if (first && !block)
      out += " " + line.substr(std::min(line.find_first_not_of(' '), line.size())) + "\n";
    else if (is_blank(line))
      out += "\n";
    else
      out += (first ? "\n  " : "  ") + line + "\n";
    if (first && block && !is_blank(line)) first = false;
    if (!block) first = false;
  }
  return out;
}

YamlEdited edited(std::string_view given, YamlChange const& change) {
  constexpr std::string_view bom = "\xEF\xBB\xBF";
  bool const marked = given.starts_with(bom);
  Text text = text_of(marked ? given.substr(bom.size()) : given, "the file", "/file_path");
  if (!text.root.IsNull() && !text.root.IsMap()) unsure("the file is no map of keys");
  json::Document key;
  key.SetString(change.key.data(), static_cast<rapidjson::SizeType>(change.key.size()), key.GetAllocator());
  auto key_text = yaml_of(key);
  while (key_text.ends_with('\n')) key_text.pop_back();
  Text const addition =
      text_of(change.action == YamlAction::remove ? key_text + ":\n" : entry_text(key_text, change.content), "content",
              "/content");
  if (!addition.root.IsMap() || addition.root.size() != 1) unsure("content breaks out of its key");
  auto const news = entries_of(addition, addition.root, addition.lines.size());

  Meaning expected = meaning_of(text.root);
  if (expected.kind == Meaning::none) expected = Meaning{Meaning::map, "?", {}, {}, {}};
  auto const added = meaning_of(addition.root).members[0];
  refuse_double_keys(added.second);
  std::vector<Entry> olds;
  if (text.root.IsMap() && text.root.size() > 0) olds = entries_of(text, text.root, text.end);
  auto named = [&](Entry const& one) { return one.key.Scalar() == change.key; };
  auto const times = std::count_if(olds.begin(), olds.end(), named);
  if (times > 1) unsure(fmt::format("it has the key {} more than once", change.key));
  auto const old = std::find_if(olds.begin(), olds.end(), named);

  YamlEdited out;
  LineEditor editor{text, addition};
  out.created = times == 0;
  if (change.action == YamlAction::remove) {
    if (times == 0) refuse(Code::not_found, fmt::format("there is no key {} in the file", change.key), "/yaml_key");
    std::erase_if(expected.members, [&](auto const& one) { return one.first.text == change.key; });
    editor.remove(*old);
    out.created = false;
  } else if (times == 0) {
    expected.members.push_back(added);
    auto const column = olds.empty() ? 0 : indent_of(text.lines[olds[0].begin]);
    editor.add(news[0], column, text.end);
  } else {
    auto* there = std::find_if(expected.members.data(), expected.members.data() + expected.members.size(),
                               [&](auto const& one) { return one.first.text == change.key; });
    auto const column = indent_of(text.lines[old->begin]);
    if (change.action == YamlAction::merge) {
      there->second = merged(std::move(there->second), added.second, change.key);
      editor.join(*old, news[0], column);
    } else {
      bool const same = there->second == added.second;
      there->second = added.second;
      if (!same) editor.replace(*old, news[0], column);
    }
  }
  out.comments_gone = editor.comments_gone;
  out.text = (marked ? std::string{bom} : std::string{}) + text.joined();
  out.changed = out.text != given;
  auto outcome = Meaning{};
  try {
    auto const documents = yaml_documents(text.joined());
    if (documents.size() == 1) outcome = meaning_of(documents[0]);
  } catch (YAML::Exception const&) {
    unsure("the outcome would not be YAML");
  }
  if (outcome.kind == Meaning::none) outcome = Meaning{Meaning::map, "?", {}, {}, {}};
  if (outcome != expected) unsure("the outcome would not be what was asked for");
  return out;
}

}  // namespace

Result<YamlEdited> edit_yaml(std::string_view text, YamlChange const& change) {
  try {
    return edited(text, change);
  } catch (Refusal const& refusal) {
    return refusal.error;
  } catch (YAML::Exception const& problem) {
    return Error{Code::unsupported, fmt::format("the file's YAML cannot be changed surely: {}", problem.what())};
  }
}

}  // namespace patchbay::home_assistant
