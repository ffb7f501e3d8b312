// The other stores, each through the best client that a program would sanely use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/target.h"

namespace fastpath::bench {

// hiredis, asynchronous; a TCP connection per lane, all in one epoll loop. SET and GET.
absl::StatusOr<std::unique_ptr<Target>> MakeRedis(uint16_t port, size_t lanes);

// libpq, non-blocking; a TCP connection (and so a server process) per lane, all in one
// epoll loop. Prepared statements with binary parameters and results: an upsert,
// and a select by primary key. `create`: makes the table "bench".
absl::StatusOr<std::unique_ptr<Target>> MakePostgres(const std::string& conninfo, size_t lanes,
                                                     bool create);

// gRPC's completion queue; all lanes share `channels` HTTP/2 connections to the node
// that leads at the start. Put, and linearizable Range of one key.
absl::StatusOr<std::unique_ptr<Target>> MakeEtcd(const std::vector<std::string>& endpoints,
                                                 size_t channels, size_t lanes);

// The floor (bench/floor): all lanes multiplexed on one connection.
absl::StatusOr<std::unique_ptr<Target>> MakeFloor(uint16_t port);

}  // namespace fastpath::bench
