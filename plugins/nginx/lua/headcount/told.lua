-- What of a verdict a client and the upstream may see: the same rules as plugins/answers.py. Pure.

local M = {}

local PROBLEM = '{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",'
  .. '"title":"Request stopped","status":%d}'
local STATUS = { throttle = 429, challenge = 403, deny = 403 }
local DAY = 86400

-- A header value of visible ASCII; anything else, line breaks first of all, becomes a question mark.
function M.safe(value) return (tostring(value):gsub("[\194-\244][\128-\191]+", "?"):gsub("[^ -~]", "?")) end

-- The body of every stop (RFC 9457).
function M.problem(status) return PROBLEM:format(status) end

-- Whole seconds, rounded up, at least 1.
function M.whole(seconds) return math.max(1, math.ceil(seconds)) end

local function quoted(name) return '"' .. M.safe(name):gsub('(["\\])', "\\%1") .. '"' end

local function policy(limit)
  local whole = ("%s;q=%d"):format(quoted(limit.name), limit.burst)
  if limit.name == "daily" then return ("%s;w=%d"):format(whole, DAY) end
  return limit.rate > 0 and ("%s;w=%d"):format(whole, M.whole(limit.burst / limit.rate)) or whole
end

-- draft-ietf-httpapi-ratelimit-headers, after `used` more units and `passed` seconds since the verdict.
function M.left(limits, used, passed)
  local items = {}
  for i, limit in ipairs(limits) do
    local remaining = math.min(limit.burst, limit.remaining + passed * limit.rate) - used
    items[i] = ("%s;r=%d"):format(quoted(limit.name), math.max(0, math.floor(remaining)))
    if limit.rate > 0 then
      items[i] = ("%s;t=%d"):format(items[i], math.max(0, math.ceil((limit.burst - remaining) / limit.rate)))
    end
  end
  return table.concat(items, ", ")
end

local SHAPE = { id = "string", mode = "string", decision = "string", tier = "string", risk = "number" }
SHAPE.retry_after, SHAPE.limits = "number", "table"

-- Whether an answer is a verdict; whoever else answers there must not look like one that lets everything pass.
function M.is_verdict(answer)
  if type(answer) ~= "table" then return false end
  for name, kind in pairs(SHAPE) do
    if type(answer[name]) ~= kind then return false end
  end
  return true
end

local function number(value) return type(value) == "number" and value or nil end

-- The account's own limits of a verdict; none in shadow mode, where there is none to tell.
local function own_limits(verdict)
  local own = {}
  for _, limit in ipairs(verdict.mode ~= "shadow" and verdict.limits or {}) do
    if limit.scope == "account" and number(limit.burst) then own[#own + 1] = limit end
  end
  return own
end

-- The part of a verdict that a gateway keeps: status is nil if the request passes.
function M.kept(verdict, now)
  local own, policies = own_limits(verdict), {}
  for i, limit in ipairs(own) do policies[i] = policy(limit) end
  local kept = {
    at = now,
    verdict = M.safe(verdict.id),
    status = verdict.mode ~= "shadow" and STATUS[verdict.decision] or nil,
    policy = own[1] and table.concat(policies, ", ") or nil,
    limits = own,
  }
  if verdict.mode ~= "shadow" then
    kept.tier, kept.risk = M.safe(verdict.tier), ("%.4f"):format(verdict.risk)
    kept.cluster = type(verdict.cluster) == "table" and M.safe(verdict.cluster.id) or nil
    local actions = type(verdict.actions) == "table" and verdict.actions or {}
    kept.actions = actions[1] and M.safe(table.concat(actions, ", ")) or nil
  end
  return kept
end

return M
