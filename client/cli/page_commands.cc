// `fastpath item query` and `item scan`: items as JSON lines, page after page.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/expressions.h"
#include "client/pages.h"

namespace fastpath::client::cli {
namespace {

struct Arguments : ExpressionArguments {
  std::string table;
  std::string partition;
  std::string key_condition;  // Instead of partition and sort key.
  std::string equal, less, less_or_equal, greater, greater_or_equal, begins_with;
  std::vector<std::string> between;
  std::string start_after;
  uint32_t limit = 0;
  uint32_t segments = 1;
  bool reverse = false;
  bool count = false;
  bool eventual = false;
  bool capacity = false;
};

std::optional<Value> ParseValue(const Context& context, std::string_view what,
                                const std::string& text) {
  JsonParser parser;
  absl::StatusOr<Value> value = parser.ParseValue(text, context.dialect());
  if (value.ok()) return *std::move(value);
  PrintError(absl::StrCat(std::string(what), ": ", value.status().message()));
  return std::nullopt;
}

// At most one of the --sort-... options is given.
std::optional<SortCondition> BuildSort(const Context& context, const Arguments& arguments) {
  if (!arguments.between.empty()) {
    std::optional<Value> low = ParseValue(context, "--sort-between", arguments.between[0]);
    if (!low) return std::nullopt;
    std::optional<Value> high = ParseValue(context, "--sort-between", arguments.between[1]);
    if (!high) return std::nullopt;
    return SortKey().Between(*low, *high);
  }
  using Build = SortCondition (*)(const Value&);
  struct Option {
    const char* name;
    const std::string& text;
    Build build;
  };
  const Option options[] = {
      {"--sort-eq", arguments.equal, [](const Value& v) { return SortKey() == v; }},
      {"--sort-lt", arguments.less, [](const Value& v) { return SortKey() < v; }},
      {"--sort-le", arguments.less_or_equal, [](const Value& v) { return SortKey() <= v; }},
      {"--sort-gt", arguments.greater, [](const Value& v) { return SortKey() > v; }},
      {"--sort-ge", arguments.greater_or_equal, [](const Value& v) { return SortKey() >= v; }},
      {"--sort-begins-with", arguments.begins_with,
       [](const Value& v) { return SortKey().BeginsWith(v); }}};
  for (const Option& option : options) {
    if (option.text.empty()) continue;
    std::optional<Value> value = ParseValue(context, option.name, option.text);
    if (!value) return std::nullopt;
    return option.build(*value);
  }
  return SortCondition();
}

// What queries and scans share. False: printed, and `exit` set.
template <class Options>
bool FillOptions(Context& context, const Arguments& arguments, Expressions expressions,
                 Options& options, Exit& exit) {
  if (!arguments.start_after.empty()) {
    options.start_after = ParseKey(context, arguments.table, arguments.start_after, exit);
    if (!options.start_after) return false;
  }
  options.filter = std::move(expressions.condition);
  options.projection = std::move(expressions.projection);
  options.CountOnly(arguments.count).Eventual(arguments.eventual);
  options.ReturnCapacity(arguments.capacity).Limit(arguments.limit);
  return true;
}

// What pages amount to, on the way to the terminal.
class Printer {
 public:
  Printer(Context& context, const Arguments& arguments, api::Table table)
      : context_(context), arguments_(arguments), table_(std::move(table)) {}

  void Print(const Page& page) {
    count_ += page.count;
    scanned_ += page.scanned_count;
    if (page.capacity) {
      total_.set_read_half_units(total_.read_half_units() + page.capacity->read_half_units());
    }
    last_key_ = page.last_key;
    if (context_.json && !arguments_.count) return PrintPage(page);
    for (const Item& item : page.items) {
      JsonWriter json;
      PrintLine(json.Item(item, context_.dialect()).text());
    }
  }

  // `cut`: items may remain, and were not asked for.
  void Finish(bool cut) {
    if (arguments_.count) PrintCount();
    if (context_.json) return;
    if (arguments_.capacity) {
      std::fputs(absl::StrCat("read units: ", ReadUnits(total_), "\n").c_str(), stderr);
    }
    if (cut && last_key_) {
      JsonWriter json;
      json.Item(KeyItem(*last_key_), context_.dialect());
      std::fputs(absl::StrCat("more: --start-after '", json.text(), "'\n").c_str(), stderr);
    }
  }

 private:
  Item KeyItem(const Key& key) const {
    Item item;
    item.Set(table_.partition_key().name(), key.partition);
    if (key.sort) item.Set(table_.sort_key().name(), *key.sort);
    return item;
  }

  void PrintPage(const Page& page) {
    JsonWriter json;
    json.BeginObject().Name("items").BeginArray();
    for (const Item& item : page.items) json.Item(item, context_.dialect());
    json.EndArray().Name("count").Number(page.count);
    json.Name("scanned_count").Number(page.scanned_count);
    if (page.last_key) json.Name("last_key").Item(KeyItem(*page.last_key), context_.dialect());
    if (page.capacity) {
      json.Name("read_units").Raw(ReadUnits(*page.capacity));
    }
    PrintLine(json.EndObject().text());
  }

  void PrintCount() {
    if (!context_.json) return PrintLine(absl::StrCat(count_));
    JsonWriter json;
    json.BeginObject().Name("count").Number(count_);
    json.Name("scanned_count").Number(scanned_);
    if (arguments_.capacity) json.Name("read_units").Raw(ReadUnits(total_));
    PrintLine(json.EndObject().text());
  }

  Context& context_;
  const Arguments& arguments_;
  const api::Table table_;
  uint64_t count_ = 0;
  uint64_t scanned_ = 0;
  api::Capacity total_;
  std::optional<Key> last_key_;
};

// One page at a time of each of several reads, printed as they come.
class Reader {
 public:
  Reader(Context& context, const Arguments& arguments, Printer& printer)
      : context_(context), arguments_(arguments), printer_(printer) {}

  void Add(Pages pages) { all_.push_back(std::move(pages)); }

  Exit Run() {
    for (size_t i = 0; i < all_.size(); ++i) Ask(i);
    while (under_way_ > 0) {
      auto [i, page] = Take();
      if (!page.ok()) {
        failure_ = failure_ == kOk ? Report(context_, page.failure()) : failure_;
        continue;
      }
      printer_.Print(*page);
      if (!all_[i].done() && failure_ == kOk && !Full()) Ask(i);
    }
    if (failure_ == kOk) printer_.Finish(cut_);
    return failure_;
  }

 private:
  using Arrived = std::pair<size_t, Result<Page>>;

  void Ask(size_t i) {
    ++under_way_;
    all_[i].Next().Then([this, i](Result<Page> page) {
      std::lock_guard lock(mutex_);
      arrived_.emplace_back(i, std::move(page));
      any_.notify_one();
    });
  }

  Arrived Take() {
    std::unique_lock lock(mutex_);
    any_.wait(lock, [this] { return !arrived_.empty(); });
    Arrived first = std::move(arrived_.front());
    arrived_.pop_front();
    --under_way_;
    return first;
  }

  // A limit is one page's: there is no other.
  bool Full() { return cut_ = arguments_.limit > 0; }

  Context& context_;
  const Arguments& arguments_;
  Printer& printer_;
  std::vector<Pages> all_;
  size_t under_way_ = 0;
  Exit failure_ = kOk;
  bool cut_ = false;
  std::mutex mutex_;
  std::condition_variable any_;
  std::deque<Arrived> arrived_;
};

// The keys by --key-condition, or by the partition key's value and --sort-...
std::optional<KeyCondition> KeysOf(Context& context, const Arguments& arguments, Exit& exit) {
  exit = kRefused;
  if (arguments.partition.empty() == arguments.key_condition.empty()) {
    PrintError("one of them is needed: the partition key's value, or --key-condition");
    exit = kUsage;
    return std::nullopt;
  }
  if (arguments.partition.empty()) return KeyCondition();
  std::optional<Value> partition = ParseValue(context, "partition", arguments.partition);
  if (!partition) return std::nullopt;
  std::optional<SortCondition> sort = BuildSort(context, arguments);
  if (!sort) return std::nullopt;
  return KeyCondition{*std::move(partition), *std::move(sort)};
}

Exit Query(Context& context, const Arguments& arguments) {
  Exit exit = kRefused;
  std::optional<KeyCondition> keys = KeysOf(context, arguments, exit);
  if (!keys) return exit;
  std::optional<api::Table> table = Describe(context, arguments.table, exit);
  if (!table) return exit;
  Expressions expressions;
  std::optional<KeyCondition> text = ParseRead(context, *table, arguments.key_condition,
                                               /*query=*/true, arguments, expressions);
  if (!text) return kUsage;
  if (!arguments.key_condition.empty()) keys = std::move(text);
  QueryOptions options(keys->sort);
  if (!FillOptions(context, arguments, std::move(expressions), options, exit)) return exit;
  options.Reverse(arguments.reverse);
  Printer printer(context, arguments, *table);
  Reader reader(context, arguments, printer);
  reader.Add(Pages(context.client(), arguments.table, keys->partition, options));
  return reader.Run();
}

Exit Scan(Context& context, const Arguments& arguments) {
  Exit exit = kRefused;
  std::optional<api::Table> table = Describe(context, arguments.table, exit);
  if (!table) return exit;
  Expressions expressions;
  if (!ParseRead(context, *table, "", /*query=*/false, arguments, expressions)) return kUsage;
  ScanOptions options;
  if (!FillOptions(context, arguments, std::move(expressions), options, exit)) return exit;
  Printer printer(context, arguments, *table);
  Reader reader(context, arguments, printer);
  for (uint32_t segment = 0; segment < arguments.segments; ++segment) {
    options.Segment(segment, arguments.segments);
    reader.Add(Pages(context.client(), arguments.table, options));
  }
  return reader.Run();
}

void AddShared(CLI::App* command, Arguments& arguments) {
  AddFilterOptions(command, arguments);
  command->add_flag("--count", arguments.count, "Only how many there are")
      ->excludes(command->get_option("--fields"))
      ->excludes(command->get_option("--projection"));
  command->add_flag("--eventual", arguments.eventual, "From any replica, perhaps a moment old");
  command->add_flag("--capacity", arguments.capacity, "Also tell the read units that it took");
}

// Both at once would leave a key to go on from for each segment.
void AddCuts(CLI::App* command, Arguments& arguments, CLI::Option* segments) {
  auto* limit = command->add_option("--limit", arguments.limit,
                                    "Examine at most so many items, before the filter; tells "
                                    "what to go on with");
  limit->check(CLI::Range(1u, UINT32_MAX));
  auto* start = command->add_option("--start-after", arguments.start_after,
                                    "Go on after this key, given as in item get --key");
  if (segments == nullptr) return;
  limit->excludes(segments);
  start->excludes(segments);
}

void AddSort(CLI::App* command, Arguments& arguments, CLI::Option* partition) {
  std::vector<CLI::Option*> all = {
      command->add_option("--sort-eq", arguments.equal, "JSON: only this sort key"),
      command->add_option("--sort-lt", arguments.less, "JSON: only lower ones"),
      command->add_option("--sort-le", arguments.less_or_equal, "JSON: this and lower ones"),
      command->add_option("--sort-gt", arguments.greater, "JSON: only higher ones"),
      command->add_option("--sort-ge", arguments.greater_or_equal, "JSON: this and higher ones"),
      command->add_option("--sort-begins-with", arguments.begins_with,
                          "JSON: those that begin with this"),
      command->add_option("--sort-between", arguments.between, "JSON JSON: from ... to ...")
          ->expected(2),
      command
          ->add_option("--key-condition", arguments.key_condition,
                       "All of the keys as text: \"id = :id AND begins_with(ts, :day)\"")
          ->excludes(partition)};
  for (CLI::Option* one : all) {
    for (CLI::Option* other : all) {
      if (one != other) one->excludes(other);
    }
  }
}

constexpr char kOutput[] =
    "Items are printed one on each line; with --json, each page is an object with items, count, "
    "scanned_count, and last_key if there is more.";

}  // namespace

void AddPageCommands(CLI::App* item, Context& context, Exit& exit) {
  constexpr uint32_t kSegmentsLimit = 256;

  auto query = std::make_shared<Arguments>();
  CLI::App* command =
      item->add_subcommand("query", "The items of one partition key, in the order of sort keys");
  command->add_option("table", query->table, "The table")->required();
  auto* partition =
      command->add_option("partition", query->partition, "The partition key's value, as JSON");
  AddSort(command, *query, partition);
  command->add_flag("--reverse", query->reverse, "From the highest sort key down");
  AddCuts(command, *query, nullptr);
  AddShared(command, *query);
  command->footer(kOutput);
  command->callback([&context, &exit, query] { exit = Query(context, *query); });

  auto scan = std::make_shared<Arguments>();
  command = item->add_subcommand("scan", "The items of a whole table, in no useful order");
  command->add_option("table", scan->table, "The table")->required();
  auto* segments =
      command->add_option("--segments", scan->segments, "Scan so many parts of it in parallel");
  segments->check(CLI::Range(1u, kSegmentsLimit))->capture_default_str();
  AddCuts(command, *scan, segments);
  AddShared(command, *scan);
  command->footer(kOutput);
  command->callback([&context, &exit, scan] { exit = Scan(context, *scan); });
}

}  // namespace fastpath::client::cli
