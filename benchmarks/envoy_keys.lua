-- wrk: requests of 10,000 accounts of 100 organisations, each account from an address of its own.

local accounts, organisations = 10000, 100
local requests, at = {}, 0

function init()
  for i = 0, accounts - 1 do
    requests[i] = wrk.format("GET", "/v1/messages", {
      Authorization = "Bearer sk-bench-" .. i,
      ["X-Organisation"] = "org-" .. i % organisations,
      ["X-Forwarded-For"] = ("11.%d.%d.%d"):format(math.floor(i / 62500) % 250, math.floor(i / 250) % 250, i % 250 + 1),
    })
  end
  at = os.time() % accounts
end

function request()
  at = (at + 7919) % accounts -- a prime: every account has its turn, neighbours not one after the other
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(("{\"requests\": %d, \"seconds\": %.6f, \"stopped\": %d, \"failed\": %d, \"p50\": %.1f, \"p99\": %.1f}\n"):format(
    summary.requests, summary.duration / 1e6, errors.status, failed, latency:percentile(50), latency:percentile(99)))
end
