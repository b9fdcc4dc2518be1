-- Headcount in APISIX: a thin shell on the Lua module in plugins/nginx/lua.

local core = require "apisix.core"
local openresty = require "headcount.openresty"

local schema = {
  type = "object",
  encrypt_fields = { "secret" },
  properties = {
    sidecar = { type = "string", default = "127.0.0.1:8470" },
    tenant = { type = "string", minLength = 1, default = "default" },
    fail = { type = "string", enum = { "open", "closed" }, default = "open" },
    timeout = { type = "integer", minimum = 1, default = 500 },
    dict = { type = "string", default = "headcount" },
    connections = { type = "integer", minimum = 1, default = 64 },
    trusted_hops = { type = "integer", minimum = 1, default = 1 },
    consumer = { type = "boolean", default = false },
    account_header = { type = "string", minLength = 1 },
    key_header = { type = "string", minLength = 1 },
    ja4_header = { type = "string", minLength = 1 },
    secret = { type = "string", minLength = 1 },
  },
}

-- In the access phase, after APISIX's own authentication, before its limit plug-ins (limit-count has 1002).
local M = { version = 1.0, priority = 1010, name = "headcount", schema = schema }

function M.check_schema(conf) return core.schema.check(schema, conf) end

-- The settings as the gate takes them; APISIX adds members of its own to a plug-in's configuration.
local function options_of(conf)
  local options = {}
  for name in pairs(schema.properties) do
    if name ~= "consumer" then options[name] = conf[name] end
  end
  return options
end

function M.access(conf, ctx)
  local decision = openresty.decide(openresty.gate(options_of(conf)), conf.consumer and ctx.consumer_name or nil)
  if decision.status then
    for name, value in pairs(openresty.for_client(decision)) do core.response.set_header(name, value) end
    return decision.status, openresty.problem(decision.status)
  end
  ctx.headcount_decision = decision
  for name, value in pairs(openresty.for_upstream(decision)) do core.request.set_header(ctx, name, value) end
end

function M.header_filter(_, ctx)
  local decision = ctx.headcount_decision
  if not decision then return end
  for _, name in ipairs(openresty.HIDDEN) do core.response.set_header(name, nil) end
  for name, value in pairs(openresty.for_client(decision)) do core.response.set_header(name, value) end
end

return M
