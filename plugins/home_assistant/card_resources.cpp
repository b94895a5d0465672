// Category dashboards: the resources that bring custom cards.
#include "plugins/home_assistant/card_resources.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/cards.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {

struct CardResource {
  std::string name;
  std::string url;
  std::string type;
  std::string id;
  std::string origin;
  bool from_hacs = false;
  std::optional<std::string> repository;
  std::optional<std::string> installed_version, available_version;
};
struct HacsCardsResult {
  std::vector<CardResource> cards;
  std::uint64_t count = 0;
  RawJson installed_resources{"[]"};
  std::string source{websocket_source};
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::CardResource> {
  using R = ha::CardResource;
  static constexpr std::tuple fields{
      field("name", &R::name, "Name of the card, from its file"),
      field("url", &R::url, "Where the file is"),
      field("type", &R::type, "module, js, css or html"),
      field("id", &R::id, "Id of the resource"),
      field("origin", &R::origin, "hacs, marketplace or manual"),
      field("from_hacs", &R::from_hacs, "Whether it was installed by HACS or by the Marketplace that took its place"),
      field("repository", &R::repository, "Its folder there"),
      field("installed_version", &R::installed_version, "Installed version, where known"),
      field("available_version", &R::available_version, "Newest version, where known")};
};
template <>
struct Describe<ha::HacsCardsResult> {
  using R = ha::HacsCardsResult;
  static constexpr std::tuple fields{
      field("cards", &R::cards, "Each dashboard resource, marked by where it comes from"),
      field("count", &R::count, "How many"),
      field("installed_resources", &R::installed_resources, "The resources as Home Assistant lists them").type("array"),
      field("source", &R::source, "Where it was asked")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<Nothing, HacsCardsResult> hacs_op{
    .name = "list_hacs_cards",
    .summary = "List the dashboard resources, marking those that HACS or the Marketplace installed.",
    .scope = "ha.read",
    .category = "dashboards",
    .errors = upstream_errors,
    .reaches_out = true};

sdk::Task<Result<Frame>> resources(HomeAssistant& self, sdk::Call& call) {
  return self.session().command(call, Command{"lovelace/resources"});
}

// Adds what HACS or the Marketplace know of versions; without either of them nothing happens.
sdk::Task<void> add_versions(HomeAssistant& self, sdk::Call& call, std::vector<CardResource>& cards) {
  bool any = false;
  for (auto const& card : cards) any = any || card.from_hacs;
  if (!any) co_return;
  bool const marketplace = self.session().features().marketplace();
  Command command{marketplace ? "marketplace/repositories/list" : "hacs/repositories/list"};
  command = std::move(command).raw("categories", R"(["plugin"])");
  auto asking = self.session().ask(call, std::move(command));
  Result<Frame> listed = co_await std::move(asking);
  if (!listed || !listed->success()) co_return;
  raw::each_item(listed->result(), [&](std::string_view one) {
    auto const full_name = raw::text(raw::member(one, "full_name"));
    auto const folder = full_name.substr(full_name.find('/') == std::string::npos ? 0 : full_name.find('/') + 1);
    for (auto& card : cards) {
      if (!card.repository || *card.repository != folder) continue;
      auto keep = [&](std::string_view key, std::optional<std::string>& into) {
        auto version = raw::text(raw::member(one, key));
        if (!version.empty()) into = std::move(version);
      };
      keep("installed_version", card.installed_version);
      keep("available_version", card.available_version);
    }
  });
}

Tool<HacsCardsResult> list_hacs_cards(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto asking = resources(self, call);
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  sdk::Answer<HacsCardsResult> out;
  std::size_t from_hacs = 0;
  raw::each_item(listed->result(), [&](std::string_view one) {
    CardResource card;
    card.url = raw::text(raw::member(one, "url"));
    card.type = raw::text(raw::member(one, "type"));
    card.id = raw::text(raw::member(one, "id"));
    auto origin = origin_of(card.url);
    card.name = std::move(origin.name);
    card.origin = origin.origin;
    card.from_hacs = origin.from_store();
    if (!origin.repository.empty()) card.repository = std::move(origin.repository);
    from_hacs += card.from_hacs ? 1 : 0;
    out.data.cards.push_back(std::move(card));
  });
  auto adding = add_versions(self, call, out.data.cards);
  co_await std::move(adding);
  out.data.count = out.data.cards.size();
  out.data.installed_resources.text = listed->result();
  out.message =
      fmt::format("Found {} resource{}, {} from HACS", out.data.count, out.data.count == 1 ? "" : "s", from_hacs);
  co_return out;
}

}  // namespace

sdk::Task<std::vector<std::string>> missing_card_warnings(HomeAssistant& self, sdk::Call& call, std::string type) {
  std::vector<std::string> out;
  if (!type.starts_with("custom:")) co_return out;
  auto asking = resources(self, call);
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return out;  // a warning is not worth an error
  bool found = false;
  raw::each_item(listed->result(), [&](std::string_view one) {
    found = found || brings_card(origin_of(raw::text(raw::member(one, "url"))), type);
  });
  if (!found)
    out.push_back(fmt::format(
        "no dashboard resource seems to bring {}: install it (by HACS, say), else the card shows an error", type));
  co_return out;
}

void declare_card_resources(sdk::Table<HomeAssistant>& table) { add_tool<hacs_op, &list_hacs_cards>(table); }

}  // namespace patchbay::home_assistant
