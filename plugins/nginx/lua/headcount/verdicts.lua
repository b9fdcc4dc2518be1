-- Verdicts as Headcount sends them, a line of plugins/verdict_lines.py for each: every header value is ready, except
-- that RateLimit and Retry-After follow the time and what was used. Pure.

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local concat = table.concat

local M = {}

local PROBLEM = '{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",'
  .. '"title":"Request stopped","status":%d}'
local MOST_SECONDS = 99999999999 -- three thousand years; LuaJIT writes numbers above 1e14 with an exponent

-- The body of every stop (RFC 9457).
function M.problem(status) return PROBLEM:format(status) end

-- Whole seconds, rounded up, at least 1.
function M.whole(seconds) return max(1, ceil(min(seconds, MOST_SECONDS))) end

local parts = {} -- one for all, put together at once: a string made on the way would be one more to collect

-- The limits of a verdict, flat: name, rate, burst, remaining of each. Read with the verdict, and not when a client is told
-- of them: LuaJIT compiles no gmatch, and would try to on the way of every request.
local function limits_of(text)
  local found, n = {}, 0
  for name, rate, burst, remaining in text:gmatch '("[^\t]*")\t([^\t]+)\t([^\t]+)\t([^\t]+)' do
    found[n + 1], found[n + 2], found[n + 3], found[n + 4] = name, tonumber(rate), tonumber(burst), tonumber(remaining)
    n = n + 4
  end
  return found
end

-- draft-ietf-httpapi-ratelimit-headers, after `used` more units; nil if there is no limit to tell of.
function M.left(kept, used, now)
  local limits = kept.limits
  if not limits then return nil end
  local passed, n = now - kept.at, 0
  for i = 1, #limits, 4 do
    local rate, burst = limits[i + 1], limits[i + 2]
    local remaining = min(burst, limits[i + 3] + passed * rate) - used
    parts[n + 1], parts[n + 2], parts[n + 3] = i > 1 and ", " or "", limits[i], ";r="
    parts[n + 4] = max(0, floor(remaining))
    n = n + 4
    if rate > 0 then
      parts[n + 1], parts[n + 2] = ";t=", max(0, ceil(min((burst - remaining) / rate, MOST_SECONDS)))
      n = n + 2
    end
  end
  return concat(parts, "", 1, n)
end

-- Whole seconds that a stopped client is to wait.
function M.retry_after(kept, now) return M.whole((kept.retry_at or now) - now) end

local FIELDS = "^([!-~]+)\t(%d+)\t([^\t]+)\t([%w_-]*)\t(%d+)\t([^\t]+)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t?(.*)$"

local function said(text) return text ~= "" and text or nil end

-- What a gateway keeps of a verdict's line that was asked for at `now`. Its status is nil if the request passes; wait: how
-- long a stop is; lease, tokens and ttl: what is granted. For a line that is no verdict: nil, and the status of the
-- problem that it says, if it does. Another server there must not look like one that lets everything pass.
function M.kept(line, now)
  local verdict, status, wait, lease, tokens, ttl, tier, risk, cluster, actions, policy, own = line:match(FIELDS)
  wait, ttl = tonumber(wait), tonumber(ttl)
  if not wait or not ttl then return nil, tonumber(line:match "^error\t(%d+)$") end
  status = tonumber(status)
  return {
    line = line, at = now, verdict = verdict, status = status > 0 and status or nil, wait = wait, lease = said(lease),
    tokens = tonumber(tokens), ttl = ttl, tier = said(tier), risk = said(risk), cluster = said(cluster),
    actions = said(actions), policy = said(policy), limits = policy ~= "" and limits_of(own) or nil,
  }
end

return M
