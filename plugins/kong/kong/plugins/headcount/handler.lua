-- Headcount in Kong: a thin shell on the Lua module in plugins/nginx/lua.

local openresty = require "headcount.openresty"

local kong = kong

-- After Kong's own authentication (key-auth has 1250), before its rate limiting (910).
local Headcount = { PRIORITY = 920, VERSION = "1.0.0" }

-- The settings as the gate takes them; Kong's own members and what is not set are left out.
local function options_of(conf)
  local options = {}
  for _, name in ipairs {
    "sidecar", "tenant", "fail", "timeout", "dict", "connections", "trusted_hops", "account_header", "key_header", "ja4_header",
    "secret",
  } do
    local value = conf[name]
    if value ~= nil and value ~= ngx.null then options[name] = value end
  end
  return options
end

local function consumer_id(conf)
  local consumer = conf.consumer and kong.client.get_consumer()
  return consumer and consumer.id or nil
end

function Headcount:access(conf)
  local decision = openresty.decide(openresty.gate(options_of(conf)), consumer_id(conf))
  if decision.status then
    return kong.response.exit(decision.status, openresty.problem(decision.status), openresty.for_client(decision))
  end
  kong.ctx.plugin.decision = decision
  for name, value in pairs(openresty.for_upstream(decision)) do
    kong.service.request.set_header(name, value)
  end
end

function Headcount:header_filter(conf)
  local decision = kong.ctx.plugin.decision
  if not decision then return end
  for _, name in ipairs(openresty.HIDDEN) do kong.response.clear_header(name) end
  for name, value in pairs(openresty.for_client(decision)) do kong.response.set_header(name, value) end
end

return Headcount
