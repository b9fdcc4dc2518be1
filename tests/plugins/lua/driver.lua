-- The pure parts of the Lua module, a JSON line in and a JSON line out: tests/plugins/test_lua.py compares them with
-- the Python adapters. Header values come as hex, because they are bytes.

require "fake_nginx"
local cjson = require "cjson"
local caller = require "headcount.caller"
local verdicts = require "headcount.verdicts"

local function unhex(text) return (text:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end)) end

local function read(line)
  local request = {}
  for name, value in pairs(line.request) do request[name] = unhex(value) end
  local who, why = caller.read(request, line.options)
  if not who then return { refused = why } end
  who.name, who.user_agent = nil, caller.user_agent(request.user_agent)
  return who
end

local function tell(line)
  local kept = verdicts.kept(line.verdict, line.at)
  return {
    status = kept.status,
    lease = kept.lease and { id = kept.lease, tokens = kept.tokens, ttl = ("%.17g"):format(kept.ttl) },
    verdict = kept.verdict,
    tier = kept.tier,
    risk = kept.risk,
    cluster = kept.cluster,
    actions = kept.actions,
    policy = kept.policy,
    left = verdicts.left(kept, 0, line.at),
    retry_after = kept.status and verdicts.whole(kept.wait),
    problem = kept.status and verdicts.problem(kept.status),
  }
end

for text in io.lines() do
  local line = cjson.decode(text)
  io.write(cjson.encode(line.verdict and tell(line) or read(line)), "\n")
  io.flush()
end
