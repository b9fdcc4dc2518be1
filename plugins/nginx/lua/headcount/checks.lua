-- A check as JSON, put together from what does not change between the checks of one caller.

local caller = require "headcount.caller"
local cjson = require "cjson.safe"

local M = {}

-- Who asks: the account, then the client. A report that names another than its lease's check gives nothing back.
function M.holder(who)
  local account = { id = who.account, key = who.key, credentials = who.credentials, jwt = who.jwt }
  return '{"account":' .. cjson.encode(account) .. ',"client":' .. cjson.encode { ip = who.ip, ja4 = who.ja4 } .. "}"
end

-- `tenant` and the reports are JSON already.
function M.body(tenant, holder, user_agent, reports)
  local agent = caller.user_agent(user_agent)
  local parts = { '{"tenant":', tenant, ",", holder:sub(2, -3), agent and ',"user_agent":' .. cjson.encode(agent) or "" }
  parts[#parts + 1] = '},"lease":true'
  parts[#parts + 1] = reports[1] and ',"leases":[' .. table.concat(reports, ",") .. "]}" or "}"
  return table.concat(parts)
end

return M
