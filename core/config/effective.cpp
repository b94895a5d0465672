// Layers merged into the settings in force, and how these are shown.
#include "core/base/redact.hpp"
#include "core/config/layer_reader.hpp"
#include "core/config/words.hpp"

namespace patchbay::config {
namespace {

void mask(Branch const* branch, json::Value& value, json::Document::AllocatorType& allocator) {
  auto hide = [&](json::Value& one) {
    if (one.IsString() && one.GetStringLength() == 0) return;
    one.SetString("***", allocator);
  };
  if (branch == nullptr || branch->key == nullptr || branch->key->kind == Kind::free) {
    redact::mask_json(value, allocator);
  } else if (branch->key->secret) {
    hide(value);
  } else if (value.IsArray()) {
    for (auto& item : value.GetArray()) mask(branch->item.get(), item, allocator);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) {
      auto const* next = branch->find(json::text_of(member.name));
      mask(next != nullptr ? next : branch->any.get(), member.value, allocator);
    }
  }
}

json::Value* descend(json::Value& value, Place const& place, bool make, json::Document::AllocatorType& allocator) {
  auto* at = &value;
  auto const names = place.key->kind == Kind::free ? split(place.rest, '.') : std::vector<std::string_view>{place.rest};
  for (auto name : names) {
    if (!at->IsObject()) {
      if (!make) return nullptr;
      at->SetObject();
    }
    auto const text = rapidjson::StringRef(name.data(), name.size());
    auto found = at->FindMember(json::Value{text});
    if (found == at->MemberEnd()) {
      if (!make) return nullptr;
      at->AddMember(json::Value{name.data(), static_cast<rapidjson::SizeType>(name.size()), allocator}, json::Value{},
                    allocator);
      found = at->MemberEnd() - 1;
    }
    at = &found->value;
  }
  return at;
}

}  // namespace

Effective merge(std::vector<Layer const*> const& layers) {
  Effective out;
  for (auto const* layer : layers) {
    for (auto const& [path, entry] : layer->whole)
      out[path] = Setting{entry.json, layer->source, layer->file, entry.line};
    for (auto const& member : layer->members) {
      auto& setting = out[member.leaf];
      auto place = place_of(member.leaf);
      place->rest = member.rest;
      auto const base = setting.json.empty() ? std::string{"{}"} : setting.json;
      json::Document document;
      document.Parse(base.data(), base.size());
      auto& allocator = document.GetAllocator();
      json::Document value{&allocator};
      value.Parse(member.json.data(), member.json.size());
      *descend(document, *place, true, allocator) = static_cast<json::Value&>(value);
      setting = Setting{json::to_text(document), layer->source, layer->file, 0};
    }
  }
  return out;
}

std::string masked(std::string_view leaf, std::string const& text) {
  json::Document document;
  document.Parse(text.data(), text.size());
  mask(leaf_branch(leaf), document, document.GetAllocator());
  return json::to_text(document);
}

std::optional<std::string> inside(Place const& place, std::string const& text) {
  if (place.rest.empty()) return text;
  json::Document document;
  document.Parse(text.data(), text.size());
  auto const* found = descend(document, place, false, document.GetAllocator());
  if (found == nullptr) return std::nullopt;
  return json::to_text(*found);
}

}  // namespace patchbay::config
