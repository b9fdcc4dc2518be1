-- The gate in nginx's own phases: variables in, variables out; nginx.conf says where they go.

local caller = require "headcount.caller"
local verdicts = require "headcount.verdicts"

local M = {}

local function variable_of(header) return header and "http_" .. header:lower():gsub("-", "_") end

local function stop(status, retry_after)
  local body = verdicts.problem(status)
  ngx.status = status
  ngx.header["Content-Type"] = "application/problem+json"
  ngx.header["Content-Length"] = #body
  if status ~= 400 then ngx.header["Retry-After"] = retry_after end
  ngx.print(body)
  return ngx.exit(ngx.HTTP_OK)
end

-- Fill the variables that nginx-leases.conf declares.
local function tell(var, kept, used, now)
  if kept.verdict then var.headcount_verdict = kept.verdict end
  if kept.tier then var.headcount_tier = kept.tier end
  if kept.risk then var.headcount_risk = kept.risk end
  if kept.cluster then var.headcount_cluster = kept.cluster end
  if kept.actions then var.headcount_actions = kept.actions end
  if kept.policy then
    var.headcount_policy = kept.policy
    var.headcount_left = verdicts.left(kept, used, now)
  end
end

-- A function for access_by_lua, which lets the request pass or answers it. A preflight passes unjudged: the map of
-- $headcount_preflight says what is one.
function M.access(gate)
  local options = gate.options
  local account, ja4 = variable_of(options.account_header), variable_of(options.ja4_header)
  local named = variable_of(options.key_header)
  local behind_proxies = options.trusted_hops > 1
  local request = {} -- one for all: it is read before anything waits

  -- nil if the request is refused; second: what to tell of it, third: tokens of its lease that are used.
  local function decide(var)
    local key = caller.key(request)
    local kept, used, renewable
    if key then kept, used, renewable = gate:known(key, ngx.now()) end
    if kept and not renewable then return true, kept, used end
    local who = caller.read(request, options)
    if not who then return nil end
    who.key_here = key
    if kept then
      gate:renew_early(who, var.http_user_agent, kept, ngx.now())
    else
      kept, used = gate:decide(who, var.http_user_agent)
    end
    return true, kept, used
  end

  return function()
    local var = ngx.var
    if ngx.req.get_method() == "OPTIONS" and var.headcount_preflight == "yes" then return end
    request.authorization = var.http_authorization
    request.api_key = var.http_x_api_key
    request.named = named and var[named] or nil
    request.account = account and var[account] or nil
    request.forwarded = behind_proxies and var.http_x_forwarded_for or nil
    request.peer = var.remote_addr
    request.ja4 = ja4 and var[ja4] or nil
    local readable, kept, used = decide(var)
    if not readable then return stop(400) end
    local now = ngx.now()
    tell(var, kept, used, now)
    if kept.status then return stop(kept.status, verdicts.retry_after(kept, now)) end
  end
end

return M
