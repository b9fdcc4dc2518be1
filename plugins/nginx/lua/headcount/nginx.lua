-- The gate in nginx's own phases: variables in, variables out; nginx.conf beside it says where they go.

local caller = require "headcount.caller"
local told = require "headcount.told"

local M = {}

-- The variables that nginx.conf declares, and the member of a decision that each one gets.
local VARIABLES = {
  headcount_verdict = "verdict",
  headcount_tier = "tier",
  headcount_risk = "risk",
  headcount_cluster = "cluster",
  headcount_actions = "actions",
  headcount_policy = "policy",
  headcount_left = "left",
}

local function variable_of(header) return header and "http_" .. header:lower():gsub("-", "_") end

local function stop(decision)
  local body = told.problem(decision.status)
  ngx.status = decision.status
  ngx.header["Content-Type"] = "application/problem+json"
  ngx.header["Content-Length"] = #body
  if decision.status ~= 400 then ngx.header["Retry-After"] = decision.retry_after end
  ngx.print(body)
  return ngx.exit(ngx.HTTP_OK)
end

-- For access_by_lua: let the request pass, or answer it.
function M.access(gate)
  local var, options = ngx.var, gate.options
  local account, ja4 = variable_of(options.account_header), variable_of(options.ja4_header)
  local who = caller.read({
    authorization = var.http_authorization,
    api_key = var.http_x_api_key,
    account = account and var[account],
    forwarded = options.trusted_hops > 1 and var.http_x_forwarded_for or nil,
    peer = var.remote_addr,
    user_agent = var.http_user_agent,
    ja4 = ja4 and var[ja4],
  }, options)
  if not who then return stop { status = 400 } end
  local decision = gate:decide(who)
  for name, member in pairs(VARIABLES) do
    if decision[member] then var[name] = decision[member] end
  end
  if decision.status then return stop(decision) end
end

return M
