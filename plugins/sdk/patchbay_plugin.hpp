// The C++ SDK for plugins, header-only: include this and nothing else of Patchbay.
//
//   namespace sdk = patchbay::sdk;
//   struct SayArgs { std::string text; };
//   struct SayResult { std::string text; };
//   template <> struct patchbay::Describe<SayArgs> {
//     static constexpr std::tuple fields{field("text", &SayArgs::text, "What to say")};
//   };
//   ... (SayResult likewise)
//   inline constexpr sdk::Operation<SayArgs, SayResult> say{
//       .name = "say", .summary = "Return the text it was given.", .scope = "echo.say"};
//   class Echo final : public sdk::Plugin {
//    public:
//     using sdk::Plugin::Plugin;
//     static void declare(sdk::Table<Echo>& table) {
//       table.add(say, [](sdk::Call&, SayArgs args) { return SayResult{std::move(args.text)}; });
//     }
//   };
//   PATCHBAY_PLUGIN(Echo, {.id = "org.example.echo", .name = "echo", .interface = "ECHO", .prefix = "echo",
//                          .version = "1.0.0"})
//
// operation.hpp: what is declared; call.hpp: what a handler gets; host.hpp: what the plugin may ask of the gateway.
// declare() is static because the gateway reads names, schemas and scopes before it makes an instance.
#pragma once

#include "plugins/sdk/instance.hpp"

// One per plugin, at namespace scope: exports the one symbol.
#define PATCHBAY_PLUGIN(Class, ...)                                                                                    \
  extern "C" {                                                                                                         \
  const pb_plugin pb_plugin_v1 = ::patchbay::sdk::detail::Exported<Class>::record(::patchbay::sdk::Names __VA_ARGS__); \
  }
