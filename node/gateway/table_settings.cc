// Time to live, tags, backups: what is set about a table besides its keys.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node/gateway/operations.h"
#include "node/gateway/table_results.h"

namespace fastpath::node::gateway {
namespace {

api::Request Describe(const std::string& name) {
  api::Request request;
  request.mutable_describe_table()->set_name(name);
  return request;
}

Shape ArnShape() { return Text().Required().Between(1, 1283); }

// ------------------------------------------------------------------ time to live

// Why a change is refused that the table's state has no room for; nothing: it may be made.
std::optional<Error> WhyNot(const api::Table& table, const std::string& attribute, bool enable) {
  const std::string& now = table.ttl_attribute();
  if (enable && now == attribute) return ValidationError("TimeToLive is already enabled");
  if (enable && !now.empty()) {
    return ValidationError(absl::StrCat(
        "TimeToLive is active on a different AttributeName: current AttributeName is ", now));
  }
  if (!enable && now.empty()) return ValidationError("TimeToLive is already disabled");
  if (!enable && now != attribute) {
    return ValidationError(absl::StrCat(
        "TimeToLive is active on a different AttributeName: current AttributeName is ", now));
  }
  return std::nullopt;
}

void ChangeTtl(Core& core, const std::string& name, const std::string& attribute, bool enable,
               Call::End end) {
  api::Request request;
  request.mutable_update_table()->set_name(name);
  request.mutable_update_table()->mutable_ttl()->set_attribute(enable ? attribute : "");
  core.Call(std::move(request), Target::Group(0), 0,
            [name, attribute, enable, end = std::move(end)](Answer answer) mutable {
              if (answer.outcome != Outcome::kOk) return end(Render(TableError(answer, name)));
              model::JsonWriter json;
              json.BeginObject().Name("TimeToLiveSpecification").BeginObject();
              json.Name("AttributeName").String(attribute).Name("Enabled").Bool(enable);
              end(Json(json.EndObject().EndObject().Take()));
            });
}

HttpResponse TtlDescribed(const api::Table& table) {
  const bool set = !table.ttl_attribute().empty();
  const bool changing = table.state() == api::UPDATING;
  model::JsonWriter json;
  json.BeginObject().Name("TimeToLiveDescription").BeginObject().Name("TimeToLiveStatus");
  json.String(set ? (changing ? "ENABLING" : "ENABLED") : (changing ? "DISABLING" : "DISABLED"));
  if (set) json.Name("AttributeName").String(table.ttl_attribute());
  return Json(json.EndObject().EndObject().Take());
}

}  // namespace

const Shape& UpdateTimeToLiveShape() {
  static const Shape shape = Structure(
      {{"TableName", TableName()},
       {"TimeToLiveSpecification", Structure({{"Enabled", Boolean().Required()},
                                              {"AttributeName", Text().Required().Between(1, 255)}})
                                       .Required()}});
  return shape;
}

const Shape& TagResourceShape() {
  static const Shape shape =
      Structure({{"ResourceArn", ArnShape()},
                 {"Tags", ListOf(Structure({{"Key", Text().Required().Between(1, 128)},
                                            {"Value", Text().Required().Between(0, 256)}}))
                              .Required()}});
  return shape;
}

const Shape& UntagResourceShape() {
  static const Shape shape = Structure(
      {{"ResourceArn", ArnShape()}, {"TagKeys", ListOf(Text().Between(1, 128)).Required()}});
  return shape;
}

const Shape& ListTagsOfResourceShape() {
  static const Shape shape = Structure({{"ResourceArn", ArnShape()}, {"NextToken", Text()}});
  return shape;
}

absl::Status UpdateTimeToLive(Call& call) {
  const std::string name(call.Text("TableName"));
  const dom::object wish = ObjectOf(*Find(call.parameters, "TimeToLiveSpecification"));
  call.core.Call(Describe(name), Target::Group(0), 0,
                 [&core = call.core, name, attribute = std::string(TextOf(wish, "AttributeName")),
                  enable = FlagOf(wish, "Enabled"), end = call.TakeEnd()](Answer answer) mutable {
                   if (answer.outcome != Outcome::kOk) {
                     return end(Render(TableError(answer, name)));
                   }
                   if (auto error = WhyNot(answer.reply.table(), attribute, enable)) {
                     return end(Render(*error));
                   }
                   ChangeTtl(core, name, attribute, enable, std::move(end));
                 });
  return absl::OkStatus();
}

absl::Status DescribeTimeToLive(Call& call) {
  const std::string name(call.Text("TableName"));
  call.Send(Describe(name), Target::Group(0), [name](Answer answer) {
    if (answer.outcome != Outcome::kOk) return Render(TableError(answer, name));
    return TtlDescribed(answer.reply.table());
  });
  return absl::OkStatus();
}

// ------------------------------------------------------------------------- tags

absl::Status TagResource(Call& call) {
  auto name = TableOfArn(call.Text("ResourceArn"));
  if (!name.ok()) return name.status();
  api::Request request;
  api::UpdateTableRequest& update = *request.mutable_update_table();
  update.set_name(*name);
  update.mutable_tag();
  for (const dom::element json : ArrayOf(*Find(call.parameters, "Tags"))) {
    api::Tag& tag = *update.mutable_tag()->add_tags();
    tag.set_key(std::string(TextOf(ObjectOf(json), "Key")));
    tag.set_value(std::string(TextOf(ObjectOf(json), "Value")));
  }
  call.Send(std::move(request), Target::Group(0), [name = *name](Answer answer) {
    return answer.outcome == Outcome::kOk ? Json("{}") : Render(TableError(answer, name));
  });
  return absl::OkStatus();
}

absl::Status UntagResource(Call& call) {
  auto name = TableOfArn(call.Text("ResourceArn"));
  if (!name.ok()) return name.status();
  api::Request request;
  api::UpdateTableRequest& update = *request.mutable_update_table();
  update.set_name(*name);
  update.mutable_untag();
  for (const dom::element key : ArrayOf(*Find(call.parameters, "TagKeys"))) {
    update.mutable_untag()->add_keys(std::string(ViewOf(key)));
  }
  call.Send(std::move(request), Target::Group(0), [name = *name](Answer answer) {
    return answer.outcome == Outcome::kOk ? Json("{}") : Render(TableError(answer, name));
  });
  return absl::OkStatus();
}

absl::Status ListTagsOfResource(Call& call) {
  auto name = TableOfArn(call.Text("ResourceArn"));
  if (!name.ok()) return name.status();
  call.Send(Describe(*name), Target::Group(0), [name = *name](Answer answer) {
    if (answer.outcome != Outcome::kOk) return Render(TableError(answer, name));
    model::JsonWriter json;
    json.BeginObject().Name("Tags").BeginArray();
    for (const api::Tag& tag : answer.reply.table().tags()) {
      json.BeginObject().Name("Key").String(tag.key()).Name("Value").String(tag.value());
      json.EndObject();
    }
    return Json(json.EndArray().EndObject().Take());
  });
  return absl::OkStatus();
}

// ---------------------------------------------------------------------- backups

absl::Status DescribeContinuousBackups(Call& call) {
  const std::string name(call.Text("TableName"));
  call.Send(Describe(name), Target::Group(0), [name](Answer answer) {
    if (answer.reply.code() == api::TABLE_NOT_FOUND) {
      return Render(
          ServiceError("TableNotFoundException", absl::StrCat("Table not found: ", name)));
    }
    if (answer.outcome != Outcome::kOk) return Render(ErrorOf(answer));
    return Json(
        "{\"ContinuousBackupsDescription\":{\"ContinuousBackupsStatus\":\"DISABLED\","
        "\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":\"DISABLED\"}}}");
  });
  return absl::OkStatus();
}

}  // namespace fastpath::node::gateway
