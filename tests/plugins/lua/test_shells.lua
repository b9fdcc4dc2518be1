-- The shells for Kong and APISIX on stand-ins for these two (never for anything of ours): what reaches the API, what
-- reaches the client. Run by tests/plugins/test_lua.py.

local nginx = require "fake_nginx"
local cjson = require "cjson"
local line_of = require "verdict_lines"

local tests = {}

local function same(found, expected, what)
  if found ~= expected then
    error(("%s: %s, not %s"):format(what or "value", tostring(found), tostring(expected)), 2)
  end
end

-- The request as nginx holds it, and what was answered.
local request, answered
ngx.null = cjson.null
ngx.var = {}
ngx.req = {
  get_headers = function() return request.headers end,
  clear_header = function(name) request.headers[name] = nil end,
}

local function new_request(headers)
  request, answered = { headers = headers, upstream = {} }, { headers = {} }
  ngx.var.remote_addr, ngx.var.http_user_agent = "11.0.0.1", "curl/8"
end

local VERDICT = {
  lease = cjson.null,
  id = "v1", mode = "enforce", decision = "allow", risk = 12.5, tier = "standard", retry_after = 0, actions = { "watermark" },
  limits = { { name = "burst", rate = 2, burst = 20, remaining = 17, scope = "account" } },
}

local asked
local function sidecar(changes)
  nginx.reset { headcount = nginx.dict() }
  nginx.serve = function(_, body)
    asked = cjson.decode(body)[1]
    local verdict = {}
    for name, value in pairs(VERDICT) do verdict[name] = value end
    for name, value in pairs(changes or {}) do verdict[name] = value end
    return 200, line_of(verdict)
  end
end

kong = {
  ctx = { plugin = {} },
  client = { get_consumer = function() return request.consumer end },
  service = { request = { set_header = function(name, value) request.upstream[name] = value end } },
  response = {
    set_header = function(name, value) answered.headers[name] = value end,
    clear_header = function(name) answered.headers[name] = nil end,
    exit = function(status, body, headers)
      answered = { status = status, body = body, headers = headers }
      error(answered, 0) -- the phase ends here, as in Kong
    end,
  },
}

package.loaded["apisix.core"] = {
  schema = { check = function() return true end },
  request = { set_header = function(_, name, value) request.upstream[name] = value end },
  response = { set_header = function(name, value) answered.headers[name] = value end },
}

local shells = {}

function shells.kong(conf)
  local handler = require "kong.plugins.headcount.handler"
  kong.ctx.plugin = {}
  local ok, thrown = pcall(handler.access, handler, conf)
  if not ok and thrown ~= answered then error(thrown, 0) end
  answered.headers["X-Headcount-Tier"] = ok and "the API's own" or nil
  if ok then handler:header_filter(conf) end
end

function shells.apisix(conf)
  local plugin, ctx = require "apisix.plugins.headcount", { consumer_name = request.consumer and request.consumer.id }
  local status, body = plugin.access(conf, ctx)
  answered.status, answered.body = status, body
  answered.headers["X-Headcount-Tier"] = not status and "the API's own" or nil
  if not status then plugin.header_filter(conf, ctx) end
end

-- Runs one request through a shell; each run has settings of its own, since gates are kept by them.
local serial = 0
local function run(shell, headers, options)
  serial = serial + 1
  local conf = { sidecar = "127.0.0.1:8470", tenant = "t" .. serial, trusted_hops = 1, consumer = false, other = "ignored" }
  for name, value in pairs(options or {}) do conf[name] = value end
  new_request(headers)
  request.consumer = conf.consumer and { id = "consumer-7" } or nil
  nginx.spawn(function() shells[shell](conf) end)
  nginx.run(1)
end

for shell in pairs(shells) do
  tests[shell .. "_lets_pass_and_tells_api_and_client_what_each_may_see"] = function()
    sidecar()
    run(shell, { authorization = "Bearer sk-1", ["x-headcount-tier"] = "spoofed", ["x-headcount-ja4"] = "spoofed" })
    same(answered.status, nil)
    same(asked.account.key .. asked.client.ip .. asked.client.user_agent, "sk-111.0.0.1curl/8")
    same(request.upstream["X-Headcount-Tier"], "standard")
    same(request.upstream["X-Headcount-Actions"], "watermark")
    same(request.headers["x-headcount-tier"], nil)
    same(request.headers["x-headcount-ja4"], nil)
    same(answered.headers["RateLimit"], '"burst";r=17;t=2')
    same(answered.headers["X-Headcount-Verdict"], "v1")
    same(answered.headers["X-Headcount-Tier"], nil, "the API's own copy")
  end

  tests[shell .. "_stops_with_the_client_s_answer"] = function()
    sidecar { decision = "throttle", retry_after = 3.2 }
    run(shell, { ["x-api-key"] = "sk-1" })
    same(answered.status, 429)
    same(answered.headers["Retry-After"], 4)
    same(answered.headers["Content-Type"], "application/problem+json")
    same(cjson.decode(answered.body).status, 429)
    same(answered.headers["X-Headcount-Tier"], nil)
    same(next(request.upstream), nil)
  end

  tests[shell .. "_refuses_two_keys_and_asks_nobody"] = function()
    sidecar()
    asked = nil
    for _, headers in ipairs {
      { authorization = { "Bearer a", "Bearer b" } }, { ["x-api-key"] = { "a", "b" } }, { ["x-api-key"] = "a,b" },
    } do
      run(shell, headers)
      same(answered.status, 400)
      same(asked, nil)
    end
  end

  tests[shell .. "_takes_the_consumer_that_the_gateway_knows"] = function()
    sidecar()
    run(shell, { authorization = "Bearer sk-1" }, { consumer = true })
    same(asked.account.id, "consumer-7")
    same(asked.account.key, nil)
  end

  tests[shell .. "_fails_open_and_closed"] = function()
    for fail, status in pairs { open = 0, closed = 503 } do
      sidecar()
      nginx.serve = function() return nil, "connection refused" end
      run(shell, { authorization = "Bearer sk-1", ["x-headcount-risk"] = "spoofed" }, { fail = fail })
      same(answered.status or 0, status)
      same(request.headers["x-headcount-risk"], nil)
    end
  end
end

local failed, names = 0, {}
for name in pairs(tests) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  local ok, err = xpcall(tests[name], debug.traceback)
  print((ok and "ok " or "not ok ") .. name .. (ok and "" or "\n" .. tostring(err)))
  failed = failed + (ok and 0 or 1)
end
os.exit(failed == 0 and 0 or 1)
