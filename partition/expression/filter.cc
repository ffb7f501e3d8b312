// The paths of a query's filter, which may not lead to its key.
#include "absl/strings/str_cat.h"
#include "partition/expression/evaluate.h"

namespace fastpath::expression {
namespace {

// Looks for a key attribute of `table` in trees that are valid, so not too deep.
class KeyFinder {
 public:
  explicit KeyFinder(const api::Table& table) : table_(table) {}

  // Its name; empty if there is none.
  const std::string& In(const api::Condition& condition) {
    switch (condition.kind_case()) {
      case api::Condition::kComparison:
        Look({&condition.comparison().left(), &condition.comparison().right()});
        break;
      case api::Condition::kBetween:
        Look({&condition.between().operand(), &condition.between().low(),
              &condition.between().high()});
        break;
      case api::Condition::kIn:
        Look({&condition.in().operand()});
        for (const api::Operand& operand : condition.in().list()) Look({&operand});
        break;
      case api::Condition::kBeginsWith:
        Look({&condition.begins_with().operand(), &condition.begins_with().prefix()});
        break;
      case api::Condition::kContains:
        Look({&condition.contains().operand(), &condition.contains().element()});
        break;
      case api::Condition::kExists:
        Look(condition.exists());
        break;
      case api::Condition::kNotExists:
        Look(condition.not_exists());
        break;
      case api::Condition::kType:
        Look(condition.type().path());
        break;
      case api::Condition::kAll:
        for (const api::Condition& part : condition.all().list()) In(part);
        break;
      case api::Condition::kAny:
        for (const api::Condition& part : condition.any().list()) In(part);
        break;
      case api::Condition::kNot:
        In(condition.not_());
        break;
      case api::Condition::KIND_NOT_SET:
        break;
    }
    return found_;
  }

 private:
  void Look(const api::Path& path) {
    const std::string& name = path.steps(0).name();
    const std::string& sort = table_.sort_key().name();
    if (name == table_.partition_key().name() || (!sort.empty() && name == sort)) found_ = name;
  }
  void Look(std::initializer_list<const api::Operand*> operands) {
    for (const api::Operand* operand : operands) {
      if (operand->has_path()) Look(operand->path());
      if (operand->has_size()) Look(operand->size());
    }
  }

  const api::Table& table_;
  std::string found_;
};

}  // namespace

absl::Status ValidateQueryFilter(const api::Table& table, const api::Condition& filter) {
  if (absl::Status status = ValidateCondition(filter); !status.ok()) return status;
  KeyFinder finder(table);
  const std::string& key = finder.In(filter);
  if (key.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("Filter Expression can only contain non-primary key attributes: Primary key "
                   "attribute: ",
                   key));
}

}  // namespace fastpath::expression
