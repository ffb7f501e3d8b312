// item batch-get, batch-write: one call for many items, a line each.
#include <algorithm>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"

namespace fastpath::client::cli {
namespace {

struct Arguments {
  std::string lines = "-";
  bool eventual = false;
  bool capacity = false;
};

// Cuts the first word off.
std::string TakeWord(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  std::string word(line.substr(0, end));
  line.remove_prefix(std::min(line.size(), end + 1));
  return word;
}

std::optional<std::vector<std::string>> ReadLines(const Arguments& arguments) {
  const std::optional<std::string> text = ReadArgument(arguments.lines);
  if (!text) return std::nullopt;
  std::vector<std::string> lines;
  std::istringstream stream(*text);
  for (std::string line; std::getline(stream, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(std::move(line));
  }
  return lines;
}

void PrintWhy(const char* what, const std::string& line, const Failure& why) {
  PrintError(absl::StrCat(what, ": ", api::Code_Name(why.code), why.message.empty() ? "" : ": ",
                          why.message, ": ", line));
}

// "TABLE KEY" a line. Prints what was found, and the lines that were not read to stderr.
Exit BatchGet(Context& context, const Arguments& arguments) {
  const auto lines = ReadLines(arguments);
  if (!lines) return kRefused;
  std::vector<Key> keys;
  Exit exit = kOk;
  for (const std::string& line : *lines) {
    std::string_view rest = line;
    const std::string table = TakeWord(rest);
    std::optional<Key> key = ParseKey(context, table, std::string(rest), exit);
    if (!key) return exit;
    keys.push_back(*std::move(key));
  }
  const Result<BatchGetAnswer> got =
      context.client()
          .BatchGet(keys,
                    GetOptions().Eventual(arguments.eventual).ReturnCapacity(arguments.capacity))
          .Wait();
  if (!got.ok()) return Report(context, got.failure());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!got->items[i].item) continue;
    JsonWriter json;
    json.BeginObject().Name("table").String(keys[i].table).Name("item");
    PrintLine(json.Item(*got->items[i].item, context.dialect()).EndObject().text());
  }
  for (const BatchLeft& left : got->unprocessed) {
    PrintWhy("unprocessed", (*lines)[left.index], left.why);
  }
  PrintCapacity(got->capacity, "read");
  return got->unprocessed.empty() ? kOk : kRefused;
}

bool AddWrite(Context& context, const std::string& line, WriteBatch& batch, Exit& exit) {
  std::string_view rest = line;
  const std::string what = TakeWord(rest);
  const std::string table = TakeWord(rest);
  exit = kRefused;
  if (what == "delete") {
    std::optional<Key> key = ParseKey(context, table, std::string(rest), exit);
    if (key) batch.Delete(*std::move(key));
    return key.has_value();
  }
  if (what != "put") {
    PrintError(absl::StrCat("neither \"put TABLE ITEM\" nor \"delete TABLE KEY\": ", line));
    return false;
  }
  JsonParser parser;
  absl::StatusOr<Item> item = parser.ParseItem(rest, context.dialect());
  if (!item.ok()) {
    PrintError(absl::StrCat(item.status().message(), ": ", line));
    return false;
  }
  batch.Put(table, *std::move(item));
  return true;
}

// Prints the lines that were not done, to be given again, and to stderr why.
Exit BatchWrite(Context& context, const Arguments& arguments) {
  const auto lines = ReadLines(arguments);
  if (!lines) return kRefused;
  WriteBatch batch;
  Exit exit = kOk;
  for (const std::string& line : *lines) {
    if (!AddWrite(context, line, batch, exit)) return exit;
  }
  const Result<BatchWriteAnswer> written =
      context.client()
          .BatchWrite(batch, BatchWriteOptions().ReturnCapacity(arguments.capacity))
          .Wait();
  if (!written.ok()) return Report(context, written.failure());
  for (const BatchLeft& left : written->unprocessed) {
    PrintLine((*lines)[left.index]);
    PrintWhy("unprocessed", (*lines)[left.index], left.why);
  }
  for (const BatchLeft& left : written->unknown) {
    PrintWhy("unknown", (*lines)[left.index], left.why);
  }
  PrintCapacity(written->capacity, "write");
  if (!written->unknown.empty()) return kUnknown;
  return written->unprocessed.empty() ? kOk : kRefused;
}

}  // namespace

void AddBatchCommands(CLI::App& item, Context& context, Exit& exit) {
  auto get = std::make_shared<Arguments>();
  CLI::App* command = item.add_subcommand("batch-get", "Read up to 100 items in one call");
  command->add_option("lines", get->lines, "Lines \"TABLE KEY\"; @FILE, or - for standard input")
      ->capture_default_str();
  command->add_flag("--eventual", get->eventual, "From any replica, perhaps a moment old");
  command->add_flag("--capacity", get->capacity, kCapacityHelp);
  command->callback([&, get] { exit = BatchGet(context, *get); });

  auto write = std::make_shared<Arguments>();
  command = item.add_subcommand("batch-write", "Put and delete up to 25 items in one call");
  command
      ->add_option("lines", write->lines,
                   "Lines \"put TABLE ITEM\", \"delete TABLE KEY\"; @FILE, or - for standard input")
      ->capture_default_str();
  command->add_flag("--capacity", write->capacity, kCapacityHelp);
  command->callback([&, write] { exit = BatchWrite(context, *write); });
}

}  // namespace fastpath::client::cli
