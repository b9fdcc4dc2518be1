-- What the plug-ins for Kong and APISIX share: a gate for their settings, the caller of the present request, and what a
-- decision means as header lines. Both run on nginx with Lua, so nothing here knows either of them.

local caller = require "headcount.caller"
local headcount = require "headcount"
local verdicts = require "headcount.verdicts"

local M = {}

local gates = {}

-- One gate a worker for the same settings, however often a gateway makes its configuration again.
function M.gate(options)
  local names = {}
  for name in pairs(options) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = name .. "=" .. tostring(options[name]) end
  local key = table.concat(names, "\n")
  gates[key] = gates[key] or headcount.new(options):start()
  return gates[key]
end

local function value_of(headers, name)
  if not name then return nil end
  local value = headers[name]
  if type(value) == "table" then return nil, "more than one " .. name .. " header" end
  return value
end

-- The caller of this request, without the headers that a client sent in Headcount's name. nil, reason: answer 400.
-- A header that must occur once and occurs twice is refused, because the API might read the other one. `account`: who
-- the gateway itself knows the client to be, if it does.
function M.caller(options, account)
  local headers = ngx.req.get_headers(0)
  local authorization, twice = value_of(headers, "authorization")
  local api_key, again = value_of(headers, "x-api-key")
  local known, once_more = value_of(headers, options.account_header)
  local named, still = value_of(headers, options.key_header)
  if twice or again or once_more or still then return nil, twice or again or once_more or still end
  local ja4 = value_of(headers, options.ja4_header)
  for name in pairs(headers) do
    if name:lower():find "^x[-_]headcount[-_]" then ngx.req.clear_header(name) end
  end
  return caller.read({
    authorization = authorization,
    api_key = api_key,
    account = account or known,
    named = named,
    forwarded = options.trusted_hops > 1 and ngx.var.http_x_forwarded_for or nil,
    peer = ngx.var.remote_addr,
    ja4 = ja4,
  }, options)
end

-- Decide about this request: what it means for the gateway, or that it is refused.
function M.decide(gate, account)
  local who = M.caller(gate.options, account)
  if not who then return { status = 400 } end
  local kept, used = gate:decide(who, ngx.var.http_user_agent)
  local now = ngx.now()
  return { kept = kept, status = kept.status, left = verdicts.left(kept, used, now), retry_after = verdicts.retry_after(kept, now) }
end

-- Header lines for the API, of a request that passes.
function M.for_upstream(decision)
  local kept = decision.kept
  return {
    ["X-Headcount-Verdict"] = kept.verdict,
    ["X-Headcount-Tier"] = kept.tier,
    ["X-Headcount-Risk"] = kept.risk,
    ["X-Headcount-Cluster"] = kept.cluster,
    ["X-Headcount-Actions"] = kept.actions,
  }
end

-- Header lines for the client.
function M.for_client(decision)
  local kept, status = decision.kept or {}, decision.status
  return {
    ["X-Headcount-Verdict"] = kept.verdict,
    ["RateLimit-Policy"] = kept.policy,
    ["RateLimit"] = decision.left,
    ["Retry-After"] = status and status ~= 400 and decision.retry_after or nil,
    ["Content-Type"] = status and "application/problem+json" or nil,
  }
end

-- What the API must not tell a client in Headcount's name.
M.HIDDEN = {
  "X-Headcount-Tier", "X-Headcount-Risk", "X-Headcount-Cluster", "X-Headcount-Actions", "X-Headcount-Status",
  "X-Headcount-JA4",
}
M.problem = verdicts.problem

return M
