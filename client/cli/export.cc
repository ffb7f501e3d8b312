// `fastpath export`: a table's items as JSON lines, group by group.
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/progress.h"

namespace fastpath::client::cli {
namespace {

struct Arguments {
  std::string table;
  std::string file = "-";
  bool quiet = false;
};

class Exporter {
 public:
  Exporter(Context& context, const Arguments& arguments, std::FILE* out)
      : context_(context),
        arguments_(arguments),
        out_(out),
        progress_(absl::StrCat("exporting ", arguments.table), 0, arguments.quiet) {}

  Exit Run() {
    Exit exit = kOk;
    if (!Describe(context_, arguments_.table, exit)) return exit;
    Result<api::Map> map = context_.client().ClusterMap().Wait();
    if (!map.ok()) return Report(context_, map.failure());
    for (const api::GroupDescriptor& group : map->groups()) {
      if (group.first_bucket() > group.last_bucket()) continue;
      if (Exit exit = ExportGroup(group.group()); exit != kOk) return exit;
    }
    progress_.Clear();
    if (std::fflush(out_) != 0) return WriteFailed();
    if (!arguments_.quiet) {
      std::fputs(absl::StrCat("exported ", Thousands(items_), " items of ", arguments_.table, "\n")
                     .c_str(),
                 stderr);
    }
    return kOk;
  }

 private:
  Exit ExportGroup(uint32_t group) {
    std::string after;
    do {
      Result<ExportPage> page = context_.client().Export(arguments_.table, group, after).Wait();
      if (!page.ok()) {
        progress_.Clear();
        return Report(context_, page.failure());
      }
      for (const Item& item : page->items) {
        if (Exit exit = WriteItem(item); exit != kOk) return exit;
      }
      after = page->after;
      progress_.Show(items_, bytes_);
    } while (!after.empty());
    return kOk;
  }

  Exit WriteItem(const Item& item) {
    std::string lossy = context_.typed ? "" : Lossy(item);
    if (!lossy.empty()) {
      progress_.Clear();
      PrintError(absl::StrCat("attribute \"", lossy,
                              "\" holds a binary value or a set, which plain JSON cannot give "
                              "back: use --typed"));
      return kRefused;
    }
    JsonWriter json;
    json.Item(item, context_.dialect());
    std::string line = json.Take();
    line += '\n';
    if (std::fwrite(line.data(), 1, line.size(), out_) != line.size()) return WriteFailed();
    ++items_;
    bytes_ += line.size();
    return kOk;
  }

  Exit WriteFailed() {
    progress_.Clear();
    PrintError("writing failed");
    return kRefused;
  }

  Context& context_;
  const Arguments& arguments_;
  std::FILE* out_;
  Progress progress_;
  uint64_t items_ = 0;
  uint64_t bytes_ = 0;
};

Exit Export(Context& context, const Arguments& arguments) {
  if (arguments.file == "-") return Exporter(context, arguments, stdout).Run();
  std::FILE* file = std::fopen(arguments.file.c_str(), "wb");
  if (file == nullptr) {
    PrintError(absl::StrCat("cannot write ", arguments.file));
    return kRefused;
  }
  Exit exit = Exporter(context, arguments, file).Run();
  if (std::fclose(file) != 0 && exit == kOk) {
    PrintError(absl::StrCat("writing ", arguments.file, " failed"));
    return kRefused;
  }
  return exit;
}

}  // namespace

void AddExport(CLI::App& app, Context& context, Exit& exit) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("export", "Write a table's items as JSON lines");
  command->add_option("table", arguments->table, "The table")->required();
  command->add_option("file", arguments->file, "Where to; - for standard output")
      ->capture_default_str();
  command->add_flag("--quiet", arguments->quiet, "No progress, no summary");
  command->callback([&, arguments] { exit = Export(context, *arguments); });
}

}  // namespace fastpath::client::cli
