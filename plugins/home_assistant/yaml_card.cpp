#include "plugins/home_assistant/yaml_card.hpp"
#include "plugins/home_assistant/yaml_documents.hpp"

#include <spdlog/fmt/fmt.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>

namespace patchbay::home_assistant {
namespace {

using Allocator = json::Document::AllocatorType;
constexpr std::size_t most_card_values = 10'000;
constexpr int most_card_levels = 60;

struct Refused {
  std::string text;
  YAML::Mark mark;
};

std::optional<bool> boolean(std::string_view text) {
  for (std::string_view word : {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
    if (text == word) return true;
  for (std::string_view word : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
    if (text == word) return false;
  return std::nullopt;
}

// [-+]?(0b[01_]+ | 0x[0-9a-fA-F_]+ | 0[0-7_]* | [1-9][0-9_]* | [1-9][0-9_]*(:[0-5]?[0-9])+)
std::optional<std::int64_t> integer(std::string_view text) {
  bool const negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  auto parse = [&](std::string_view digits, int base) -> std::optional<std::int64_t> {
    std::string plain;
    for (char c : digits)
      if (c != '_') plain += c;
    if (plain.empty()) return std::nullopt;
    std::int64_t value = 0;
    auto const end = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
    if (plain[0] == '-' || end.ec != std::errc{} || end.ptr != plain.data() + plain.size()) return std::nullopt;
    return negative ? -value : value;
  };
  if (text.starts_with("0b")) return parse(text.substr(2), 2);
  if (text.starts_with("0x")) return parse(text.substr(2), 16);
  if (text[0] == '0') return text.size() == 1 ? std::optional<std::int64_t>{0} : parse(text.substr(1), 8);
  if (text[0] < '1' || text[0] > '9') return std::nullopt;
  if (text.find(':') == std::string_view::npos) return parse(text, 10);
  std::int64_t value = 0;  // base 60: 1:30 is ninety
  for (bool first = true; !text.empty(); first = false) {
    auto const part = text.substr(0, text.find(':'));
    if (part.empty() || (!first && part.size() > 2)) return std::nullopt;
    auto const digits = first ? parse(part, 10) : [&]() -> std::optional<std::int64_t> {
      std::int64_t number = 0;
      auto const end = std::from_chars(part.data(), part.data() + part.size(), number);
      if (part[0] == '-' || end.ec != std::errc{} || end.ptr != part.data() + part.size() || number > 59)
        return std::nullopt;
      return negative ? -number : number;
    }();
    if (!digits || std::abs(value) > 100'000'000'000'000) return std::nullopt;
    value = value * 60 + *digits;
    text.remove_prefix(part.size());
    if (text == ":") return std::nullopt;
    if (!text.empty()) text.remove_prefix(1);
  }
  return value;
}

// [-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?: a point is needed, and at least one digit.
std::optional<double> real(std::string_view text) {
  std::string plain;
  bool digit = false, point = false, exponent = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    if (c >= '0' && c <= '9') {
      digit = true;
      plain += c;
    } else if (c == '_') {
      if (!digit || exponent) return std::nullopt;
    } else if (c == '.') {
      if (point || exponent) return std::nullopt;
      point = true;
      plain += c;
    } else if (c == 'e' || c == 'E') {
      if (!digit || !point || exponent || i + 2 >= text.size() || (text[i + 1] != '+' && text[i + 1] != '-'))
        return std::nullopt;
      exponent = true;
      plain += c;
      if (text[i + 1] == '-') plain += '-';
      ++i;
    } else if ((c == '-' || c == '+') && i == 0) {
      if (c == '-') plain += c;
    } else {
      return std::nullopt;
    }
  }
  if (!digit || !point) return std::nullopt;
  double value = 0;
  auto const end = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (end.ec != std::errc{} || end.ptr != plain.data() + plain.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

class Converter {
 public:
  explicit Converter(Allocator& allocator) : allocator_(allocator) {}

  json::Value convert(YAML::Node const& node, int level = 0) {
    if (++values_ > most_card_values)
      throw Refused{fmt::format("more than {} values (aliases are counted where they stand)", most_card_values),
                    node.Mark()};
    if (level > most_card_levels)
      throw Refused{fmt::format("nested deeper than {} levels", most_card_levels), node.Mark()};
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null: return {};
      case YAML::NodeType::Scalar: return scalar(node);
      case YAML::NodeType::Sequence: return sequence(node, level);
      case YAML::NodeType::Map: return map(node, level);
    }
    return {};
  }

 private:
  json::Value scalar(YAML::Node const& node) {
    auto const& tag = node.Tag();
    auto const& text = node.Scalar();
    if (json::Document check;
        check.Parse<rapidjson::kParseValidateEncodingFlag>(json::quoted(text).c_str()).HasParseError())
      throw Refused{"a text that is not UTF-8", node.Mark()};
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return text_value(text, allocator_);  // quoted, or !!str
    if (tag.empty() || tag == "?") return yaml_scalar(text, allocator_);
    if (tag.starts_with("tag:yaml.org,2002:")) {
      auto value = yaml_scalar(text, allocator_);
      bool const fits = (tag.ends_with(":int") && value.IsInt64()) || (tag.ends_with(":float") && value.IsNumber()) ||
                        (tag.ends_with(":bool") && value.IsBool()) || (tag.ends_with(":null") && value.IsNull());
      if (fits) return value;
    }
    throw Refused{fmt::format("the tag {} means nothing in a card", tag), node.Mark()};
  }

  void plain_tag(YAML::Node const& node, std::string_view standard) {
    auto const& tag = node.Tag();
    if (!tag.empty() && tag != "?" && tag != "!" && tag != standard)
      throw Refused{fmt::format("the tag {} means nothing in a card", tag), node.Mark()};
  }

  json::Value sequence(YAML::Node const& node, int level) {
    plain_tag(node, "tag:yaml.org,2002:seq");
    json::Value out{rapidjson::kArrayType};
    for (auto const& item : node) out.PushBack(convert(item, level + 1), allocator_);
    return out;
  }

  json::Value map(YAML::Node const& node, int level) {
    plain_tag(node, "tag:yaml.org,2002:map");
    json::Value out{rapidjson::kObjectType};
    std::vector<YAML::Node> merged;
    for (auto const& member : node) {
      if (!member.first.IsScalar()) throw Refused{"a key that is not a text", member.first.Mark()};
      auto const& key = member.first.Scalar();
      if (key == "<<" && member.first.Tag() == "?") {  // YAML 1.1 merge: what stands here wins over what is merged
        collect_merged(member.second, merged);
        continue;
      }
      if (json::find(out, key) != nullptr)
        throw Refused{fmt::format("the key \"{}\" stands there twice", key), member.first.Mark()};
      auto value = convert(member.second, level + 1);
      out.AddMember(text_value(key, allocator_), value, allocator_);
    }
    for (auto const& source : merged)
      for (auto const& member : source) {
        if (!member.first.IsScalar() || json::find(out, member.first.Scalar()) != nullptr) continue;
        auto value = convert(member.second, level + 1);
        out.AddMember(text_value(member.first.Scalar(), allocator_), value, allocator_);
      }
    return out;
  }

  void collect_merged(YAML::Node const& node, std::vector<YAML::Node>& out) {
    if (node.IsMap()) {
      out.push_back(node);
    } else if (node.IsSequence()) {
      for (auto const& item : node) {
        if (!item.IsMap()) throw Refused{"<< takes a map or a list of maps", item.Mark()};
        out.push_back(item);
      }
    } else {
      throw Refused{"<< takes a map or a list of maps", node.Mark()};
    }
  }

  Allocator& allocator_;
  std::size_t values_ = 0;
};

Error refused(std::string_view text, YAML::Mark const& mark) {
  return Error{Code::invalid_argument,
               mark.is_null()
                   ? fmt::format("not a card in YAML: {}", text)
                   : fmt::format("not a card in YAML: line {}, column {}: {}", mark.line + 1, mark.column + 1, text),
               "/card_yaml"};
}

}  // namespace

json::Value yaml_scalar(std::string_view text, Allocator& allocator) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (auto const flag = boolean(text)) return json::Value{*flag};
  if (auto const number = integer(text)) return json::Value{*number};
  if (auto const number = real(text)) return json::Value{*number};
  return text_value(text, allocator);
}

Result<void> check_card(json::Value const& card, std::string_view pointer) {
  if (!card.IsObject())
    return Error{
        Code::invalid_argument,
        fmt::format("a card is a map with at least type, such as type: markdown; this is {}", json::kind_of(card)),
        std::string{pointer}};
  auto const* type = json::find(card, "type");
  if (type == nullptr || !type->IsString() || type->GetStringLength() == 0)
    return Error{Code::invalid_argument, "a card needs a type, a text such as \"markdown\" or \"custom:button-card\"",
                 std::string{pointer}};
  return {};
}

Result<json::Value> card_from_yaml(std::string_view yaml, Allocator& allocator) {
  if (yaml.find('\0') != std::string_view::npos)
    return Error{Code::invalid_argument, "not a card in YAML: it holds a NUL character", "/card_yaml"};
  try {
    auto const documents = yaml_documents(std::string{yaml});
    if (documents.size() != 1)
      return Error{Code::invalid_argument, fmt::format("one card is one YAML document; this has {}", documents.size()),
                   "/card_yaml"};
    auto card = Converter{allocator}.convert(documents.front());
    if (auto fine = check_card(card, "/card_yaml"); !fine) return fine.error();
    return card;
  } catch (Refused const& problem) {
    return refused(problem.text, problem.mark);
  } catch (YAML::Exception const& problem) {
    return refused(problem.msg, problem.mark);
  }
}

}  // namespace patchbay::home_assistant
