-- wrk: requests of many accounts. HEADCOUNT_KEYS names a file with a line "key address weight" for each.

local keys, total = {}, 0
for line in io.lines(os.getenv "HEADCOUNT_KEYS") do
  local key, address, weight = line:match "^(%S+) (%S+) (%S+)$"
  total = total + tonumber(weight)
  keys[#keys + 1] = { upto = total, headers = { Authorization = "Bearer " .. key, ["X-Forwarded-For"] = address } }
end

local function draw()
  local at, low, high = math.random() * total, 1, #keys
  while low < high do
    local middle = math.floor((low + high) / 2)
    if keys[middle].upto < at then low = middle + 1 else high = middle end
  end
  return keys[low]
end

function init()
  math.randomseed(os.time())
  for _, key in ipairs(keys) do key.request = wrk.format("GET", "/v1/messages", key.headers) end
end

function request() return draw().request end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(("{\"requests\": %d, \"seconds\": %.6f, \"stopped\": %d, \"failed\": %d, \"p50\": %.1f, \"p99\": %.1f}\n"):format(
    summary.requests, summary.duration / 1e6, errors.status, failed, latency:percentile(50), latency:percentile(99)))
end
