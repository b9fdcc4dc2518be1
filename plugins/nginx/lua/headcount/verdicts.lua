-- What of a verdict a client and the upstream may see: the same rules as plugins/answers.py. Pure.

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local concat = table.concat

local M = {}

local PROBLEM = '{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",'
  .. '"title":"Request stopped","status":%d}'
local STATUS = { throttle = 429, challenge = 403, deny = 403 }
local DAY = 86400
local MOST_SECONDS = 99999999999 -- three thousand years; LuaJIT writes numbers above 1e14 with an exponent

-- A header value of visible ASCII; anything else, line breaks first of all, becomes a question mark.
function M.safe(value)
  value = tostring(value)
  if not value:find "[^ -~]" then return value end
  return (value:gsub("[\194-\244][\128-\191]+", "?"):gsub("[^ -~]", "?"))
end

-- The body of every stop (RFC 9457).
function M.problem(status) return PROBLEM:format(status) end

-- Whole seconds, rounded up, at least 1.
function M.whole(seconds) return max(1, ceil(min(seconds, MOST_SECONDS))) end

local function quoted(name) return '"' .. M.safe(name):gsub('(["\\])', "\\%1") .. '"' end

local function policy(name, rate, burst)
  local whole = ("%s;q=%d"):format(name, burst)
  if name == '"daily"' then return ("%s;w=%d"):format(whole, DAY) end
  return rate > 0 and ("%s;w=%d"):format(whole, M.whole(burst / rate)) or whole
end

local parts = {} -- one for all, put together at once: a string made on the way would be one more to collect

-- draft-ietf-httpapi-ratelimit-headers, after `used` more units; nil if there is no limit to tell of.
function M.left(kept, used, now)
  local limits = kept.limits
  if not limits or not limits[1] then return nil end
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

local SHAPE = { id = "string", mode = "string", decision = "string", tier = "string", risk = "number" }
SHAPE.retry_after, SHAPE.limits = "number", "table"

-- Whether an answer is a verdict; another server there must not look like one that lets everything pass.
function M.is_verdict(answer)
  if type(answer) ~= "table" then return false end
  for name, kind in pairs(SHAPE) do
    if type(answer[name]) ~= kind then return false end
  end
  return true
end

local function number(value) return type(value) == "number" and value or nil end

-- The account's own limits of a verdict, flat: name, rate, burst, remaining of each. None in shadow mode. Second: their policies.
local function own_limits(verdict)
  local own, policies = {}, {}
  for _, limit in ipairs(verdict.mode ~= "shadow" and verdict.limits or {}) do
    if limit.scope == "account" and limit.name ~= "allow" and number(limit.burst) then -- "allow" is an exception's
      local name, at = quoted(limit.name), #own
      own[at + 1], own[at + 2], own[at + 3], own[at + 4] = name, limit.rate, limit.burst, limit.remaining
      policies[#policies + 1] = policy(name, limit.rate, limit.burst)
    end
  end
  return own, policies
end

-- The part of a verdict that a gateway keeps: status is nil if the request passes.
function M.kept(verdict, now)
  local own, policies = own_limits(verdict)
  local kept = {
    at = now,
    verdict = M.safe(verdict.id),
    status = verdict.mode ~= "shadow" and STATUS[verdict.decision] or nil,
    policy = own[1] and table.concat(policies, ", ") or nil,
    limits = own[1] and own or nil,
  }
  if verdict.mode ~= "shadow" then
    kept.tier, kept.risk = M.safe(verdict.tier), ("%.4f"):format(verdict.risk)
    kept.cluster = type(verdict.cluster) == "table" and M.safe(verdict.cluster.id) or nil
    local actions = type(verdict.actions) == "table" and verdict.actions or {}
    kept.actions = actions[1] and M.safe(table.concat(actions, ", ")) or nil
  end
  return kept
end

-- As above, with what only becomes of it once: how long a stop is, and the lease that is granted.
function M.understood(verdict, now)
  local kept = M.kept(verdict, now)
  kept.wait, kept.grant = verdict.retry_after, verdict.lease
  return kept
end

return M
