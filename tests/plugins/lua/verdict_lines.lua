-- A verdict as plugins/verdict_lines.py writes it, for the sidecars that tests play.

local cjson = require "cjson"

local STATUS = { throttle = 429, challenge = 403, deny = 403 }

return function(verdict)
  local told = verdict.mode ~= "shadow"
  local lease = verdict.lease ~= cjson.null and verdict.lease or { id = "", tokens = 0, ttl = 0 }
  local fields = {
    verdict.id, told and STATUS[verdict.decision] or 0, verdict.retry_after, lease.id, lease.tokens, lease.ttl,
    told and verdict.tier or "", told and ("%.4f"):format(verdict.risk) or "", "", table.concat(verdict.actions, ", "),
  }
  local policies = {}
  for i, limit in ipairs(told and verdict.limits or {}) do
    policies[i] = ('"%s";q=%d;w=%d'):format(limit.name, limit.burst, math.ceil(limit.burst / limit.rate))
  end
  fields[#fields + 1] = table.concat(policies, ", ")
  for _, limit in ipairs(told and verdict.limits or {}) do
    for _, value in ipairs { '"' .. limit.name .. '"', limit.rate, limit.burst, limit.remaining } do fields[#fields + 1] = value end
  end
  return table.concat(fields, "\t")
end
