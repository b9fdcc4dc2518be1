-- The plug-in's settings in Kong; what each means stands in plugins/nginx/lua/headcount.lua.

local typedefs = require "kong.db.schema.typedefs"

return {
  name = "headcount",
  fields = {
    { consumer = typedefs.no_consumer },
    { protocols = typedefs.protocols_http },
    {
      config = {
        type = "record",
        fields = {
          { sidecar = { type = "string", required = true, default = "127.0.0.1:8470" } },
          { tenant = { type = "string", required = true, default = "default" } },
          { fail = { type = "string", required = true, default = "open", one_of = { "open", "closed" } } },
          { timeout = { type = "integer", required = true, default = 500, gt = 0 } },
          { dict = { type = "string", required = true, default = "headcount" } },
          { connections = { type = "integer", required = true, default = 64, gt = 0 } },
          { trusted_hops = { type = "integer", required = true, default = 1, gt = 0 } },
          { consumer = { type = "boolean", required = true, default = false } },
          { account_header = { type = "string" } },
          { key_header = { type = "string" } },
          { ja4_header = { type = "string" } },
          { secret = { type = "string", referenceable = true, encrypted = true } },
        },
      },
    },
  },
}
