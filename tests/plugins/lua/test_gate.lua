-- The gate on a played nginx: run by tests/plugins/test_lua.py, one test a line of output, "ok" or "not ok".

local nginx = require "fake_nginx"
local cjson = require "cjson"
local line_of = require "verdict_lines"
local verdicts = require "headcount.verdicts"
local headcount = require "headcount"

local tests = {}
local WHO = { name = "k1", key = "sk-1", ip = "11.0.0.1" }

local function same(found, expected, what)
  found, expected = cjson.encode { found }, cjson.encode { expected }
  if found ~= expected then error(("%s: %s, not %s"):format(what or "value", found, expected), 2) end
end

-- A sidecar with one bucket, which settles each lease once; `share` of what is left is leased, at most `want`.
local function sidecar(limit)
  local self = { tokens = limit.burst, at = nginx.now, leases = {}, checks = 0, mode = "enforce", bodies = {}, batches = {}, settled = {} }
  local function fill()
    self.tokens = math.min(limit.burst, self.tokens + (nginx.now - self.at) * limit.rate)
    self.at = nginx.now
  end
  local function settle(reports)
    for _, report in ipairs(reports or {}) do
      local lease = self.leases[report.id]
      self.settled[report.id] = report
      if lease and nginx.now <= lease.ends + 10 then
        self.tokens = math.min(limit.burst, self.tokens + lease.tokens - math.min(report.used, lease.tokens))
        self.leases[report.id] = nil
      end
    end
  end
  function self.serve(path, body)
    if self.away then return nil, "connection refused" end
    body = cjson.decode(body)
    if path == "/v1/settle" then return self.judge(path, body) end
    same(path, "/v1/check/batch")
    if #body > 1 then self.batches[#self.batches + 1] = #body end
    local lines = {}
    for i, one in ipairs(body) do
      local status, answer = self.judge(path, one)
      lines[i] = status == 200 and answer or "error\t" .. status
    end
    return 200, table.concat(lines, "\n")
  end
  function self.judge(path, body)
    fill()
    settle(body.leases)
    self.bodies[#self.bodies + 1] = body
    if path == "/v1/settle" then return 200, "{}" end
    if self.status then return self.status, "{}" end
    self.checks = self.checks + 1
    local verdict = {
      id = "v" .. self.checks, mode = self.mode, decision = self.decision or "allow", risk = 12.5, tier = "standard",
      limits = { { name = "burst", rate = limit.rate, burst = limit.burst, remaining = 0, scope = "account" } },
      retry_after = 0, cluster = cjson.null, lease = cjson.null, actions = {},
    }
    if self.tokens < 1 then
      verdict.decision, verdict.retry_after = "throttle", (1 - self.tokens) / limit.rate
    elseif verdict.decision == "allow" then
      self.tokens = self.tokens - 1
      verdict.limits[1].remaining = self.tokens
      local tokens = math.min(limit.want, math.max(1, math.floor(self.tokens * 0.25)), math.floor(self.tokens))
      if tokens > 0 then
        verdict.lease = { id = verdict.id, tokens = tokens, ttl = 5 }
        self.leases[verdict.id] = { tokens = tokens, ends = nginx.now + 5 }
        self.tokens = self.tokens - tokens
      end
    end
    return 200, line_of(verdict)
  end
  nginx.serve, nginx.latency, nginx.refusing = self.serve, 0.001, false
  return self
end

local function gate(options)
  if not (options and options.shared) then nginx.reset { headcount = nginx.dict(options and options.most) } end
  local given = {}
  for name, value in pairs(options or {}) do
    if name ~= "most" and name ~= "shared" then given[name] = value end
  end
  return headcount.new(given):start()
end

-- One request; runs everything until it is decided.
local function ask(g, who)
  local decision
  nginx.spawn(function()
    local kept, used = g:decide(who or WHO, "curl/8")
    local left, wait = verdicts.left(kept, used, nginx.now), verdicts.retry_after(kept, nginx.now)
    decision = { status = kept.status, verdict = kept.verdict, tier = kept.tier, policy = kept.policy, left = left, retry_after = wait }
  end)
  for _ = 1, 2000 do
    if decision then return decision end
    nginx.run(0.001)
  end
  error("no decision", 2)
end

function tests.requests_pass_on_a_lease_without_another_check()
  local s, g = sidecar { rate = 1e-6, burst = 100, want = 1000 }, gate()
  for _ = 1, 18 do same(ask(g).status, nil) end
  same(s.checks, 1)
end

function tests.over_the_limit_the_answer_is_local_until_retry_after()
  local s, g = sidecar { rate = 0.5, burst = 1, want = 10 }, gate()
  same(ask(g).status, nil)
  local stopped = ask(g)
  same({ stopped.status, stopped.retry_after }, { 429, 2 })
  same(s.checks, 2)
  for _ = 1, 10 do same(ask(g).status, 429) end
  same(s.checks, 2)
  nginx.run(2)
  same(ask(g).status, nil)
  same(s.checks, 3)
end

function tests.a_long_wait_is_asked_about_again_after_longest_denial()
  local s, g = sidecar { rate = 1e-6, burst = 1, want = 10 }, gate { longest_denial = 3 }
  ask(g)
  same(ask(g).status, 429)
  nginx.run(3)
  ask(g)
  same(s.checks, 3)
end

function tests.a_clock_that_was_set_back_makes_nobody_wait_longer_than_he_was_told()
  local s, g = sidecar { rate = 0.5, burst = 1, want = 10 }, gate()
  same(ask(g).status, nil)
  same(ask(g).status, 429)
  nginx.set_clock(-3600)
  s.at = nginx.now -- the sidecar's buckets follow the step
  same(ask(g).retry_after, 2)
  nginx.run(2)
  same(ask(g).status, nil)
end

function tests.a_clock_that_was_set_back_ends_a_lease_and_its_use_is_reported()
  local s, g = sidecar { rate = 1e-6, burst = 100, want = 1000 }, gate()
  for _ = 1, 5 do same(ask(g).status, nil) end
  nginx.set_clock(-3600)
  s.at = nginx.now
  same(ask(g).status, nil)
  same({ s.checks, s.settled.v1.used >= 4 }, { 2, true })
  nginx.run(10)
  same(s.settled.v2.id, "v2", "a lease of after the step")
end

function tests.a_clock_that_was_set_back_does_not_lengthen_the_pause_without_asking()
  local s, g = sidecar { rate = 1, burst = 10, want = 1 }, gate { pause = 1 }
  s.away = true
  ask(g)
  s.away = false
  nginx.set_clock(-86400)
  s.at = nginx.now
  ask(g)
  same(s.checks, 1)
end

function tests.a_denial_is_403_and_is_not_asked_about_for_a_second()
  local s, g = sidecar { rate = 1, burst = 10, want = 10 }, gate()
  s.decision = "deny"
  same(ask(g).status, 403)
  same(ask(g).status, 403)
  same(s.checks, 1)
  s.decision = nil
  nginx.run(1.01)
  same(ask(g).status, nil)
end

function tests.one_check_a_key_is_out_at_a_time_and_the_others_wait_for_it()
  local s, g = sidecar { rate = 1e-6, burst = 1000, want = 1000 }, gate()
  nginx.latency = 0.05
  local passed = 0
  for _ = 1, 50 do
    nginx.spawn(function()
      local decision = g:decide(WHO)
      passed = passed + (decision.status and 0 or 1)
    end)
  end
  nginx.run(1)
  same({ passed, s.checks }, { 50, 1 })
end

function tests.workers_that_share_a_dict_never_oversell_a_lease()
  local s, one = sidecar { rate = 1e-6, burst = 30, want = 1000 }, gate()
  local other = gate { shared = true, fail = "closed" }
  local passed = 0
  for i = 1, 200 do
    nginx.spawn(function()
      ngx.sleep(i % 7 / 1000)
      local decision = (i % 2 == 0 and one or other):decide(WHO)
      passed = passed + (decision.status and 0 or 1)
    end)
  end
  nginx.run(3)
  same(passed <= 30, true, passed .. " passed")
  same(passed >= 28, true, passed .. " passed")
end

function tests.the_next_lease_comes_in_the_background_before_this_one_is_used_up()
  local s, g = sidecar { rate = 100, burst = 100, want = 20 }, gate()
  nginx.latency = 0.01
  local slowest = 0
  ask(g)
  for _ = 1, 60 do
    local begun = nginx.now
    ask(g)
    slowest = math.max(slowest, nginx.now - begun)
    nginx.run(0.005)
  end
  same(slowest < 0.005, true, "slowest " .. slowest)
  same(s.checks <= 5, true, s.checks .. " checks")
end

-- Twenty keys with a lease each, of which three quarters are used at a slow pace, so that all are to be renewed.
local function slow_keys(s, g)
  local keys = {}
  for i = 1, 20 do keys[i] = { name = "n" .. i, key = "sk-" .. i, ip = "11.0.0.1" } end
  for _ = 1, 17 do
    for _, who in ipairs(keys) do ask(g, who) end
    nginx.run(0.2)
  end
  return keys
end

function tests.renewals_of_many_keys_go_in_one_message_and_each_carries_reports()
  local s, g = sidecar { rate = 1e-6, burst = 1e6, want = 20 }, gate()
  slow_keys(s, g)
  same(s.checks, 40)
  same(#s.batches >= 1 and #s.batches <= 2, true, cjson.encode(s.batches))
  nginx.run(8)
  local settled = 0
  for _, report in pairs(s.settled) do
    same(report.client.ip, "11.0.0.1")
    settled = settled + 1
  end
  same(settled, 40)
end

function tests.a_renewal_that_cannot_be_read_spoils_no_other()
  local s, g = sidecar { rate = 1e-6, burst = 1e6, want = 20 }, gate()
  local judge = s.judge
  function s.judge(path, body)
    if #s.batches > 0 and body.account and body.account.key == "sk-7" then return 422, "{}" end
    return judge(path, body)
  end
  local keys = slow_keys(s, g)
  same(s.checks, 39)
  same(ask(g, keys[6]).verdict ~= "v6", true, "renewed")
  same(ask(g, keys[7]).verdict, "v7", "not renewed, and still in force")
end

function tests.a_renewal_without_an_answer_leaves_the_lease_and_the_reports()
  local s, g = sidecar { rate = 1e-6, burst = 1e6, want = 20 }, gate { fail = "closed" }
  s.away = true
  local serve = nginx.serve
  nginx.serve = function(path, body)
    if #s.bodies < 20 then s.away = false end
    local status, answer = serve(path, body)
    s.away = true
    return status, answer
  end
  local keys = slow_keys(s, g)
  same({ s.checks, ask(g, keys[3]).verdict }, { 20, "v3" })
  nginx.serve, s.away = serve, false
  nginx.run(2)
  nginx.run(8)
  same(s.settled.v3.used > 0, true)
end

function tests.a_lease_that_a_request_renewed_is_not_renewed_again()
  local s, g = sidecar { rate = 1e-6, burst = 1e6, want = 20 }, gate()
  for _ = 1, 17 do
    ask(g)
    nginx.run(0.2)
    if s.checks == 2 then break end
  end
  local checks = s.checks
  for _ = 1, 4 do ask(g) end
  nginx.run(0.2)
  same(s.checks, checks)
end

function tests.a_renewal_that_is_stopped_leaves_the_old_lease_in_force()
  local s, g = sidecar { rate = 1e-6, burst = 30, want = 20 }, gate()
  local passed = 0
  while not ask(g).status do passed = passed + 1 end
  same(passed >= 28, true, passed)
  same(passed <= 30, true, passed)
end

function tests.usage_is_reported_once_by_second_and_the_rest_comes_back()
  nginx.now = math.floor(nginx.now) + 10.5
  local second, s, g = math.floor(nginx.now), sidecar { rate = 1e-6, burst = 100, want = 12 }, gate()
  for _ = 1, 4 do ask(g) end
  nginx.run(1)
  for _ = 1, 2 do ask(g) end
  nginx.run(8)
  local report = s.settled.v1
  same({ report.used, report.slices }, { 5, { { second, 3 }, { second + 1, 2 } } })
  same(math.floor(s.tokens + 0.5), 100 - 6)
  same(#g.ledger:pop(10), 0, "reports left")
end

local function draws(requests, g)
  local count, dict = 0, ngx.shared.headcount
  local incr = dict.incr
  dict.incr = function(...)
    count = count + 1
    return incr(...)
  end
  for _ = 1, requests do ask(g) end
  dict.incr = nil
  return count
end

function tests.a_worker_draws_tokens_of_a_large_lease_at_once_and_gives_back_what_it_did_not_use()
  local s, g = sidecar { rate = 1e-6, burst = 1000, want = 64 }, gate()
  for used = 1, 55 do same(ask(g).left:match "r=%d+", "r=" .. 1000 - used) end
  nginx.run(2)
  same({ s.settled.v1.used, s.checks }, { 54, 2 })
  same(draws(8, g), 2)
end

function tests.a_worker_never_draws_more_than_32_tokens_at_once()
  local _, g = sidecar { rate = 1e-6, burst = 1e6, want = 5000 }, gate()
  ask(g)
  same(draws(96, g), 3)
end

function tests.what_another_worker_drew_and_did_not_use_counts_as_used()
  local s, one = sidecar { rate = 1e-6, burst = 1000, want = 64 }, gate()
  local other = gate { shared = true }
  ask(one)
  ask(other)
  for _ = 1, 40 do ask(one) end
  nginx.run(8)
  same(s.settled.v1.used, 40 + 4)
end

function tests.workers_that_draw_never_oversell_a_large_lease()
  for want = 16, 80 do
    local _, one = sidecar { rate = 1e-6, burst = 400, want = want }, gate { fail = "closed" }
    local other, passed = gate { shared = true, fail = "closed" }, 0
    for i = 1, 900 do passed = passed + (ask(i % 3 == 0 and one or other).status and 0 or 1) end
    same(passed <= 400 and passed >= 380, true, passed)
  end
end

function tests.a_check_of_the_same_tenant_carries_reports()
  local s, g = sidecar { rate = 1e-6, burst = 1000, want = 2 }, gate()
  for _ = 1, 4 do ask(g) end
  local report = s.bodies[2].leases[1]
  same({ #s.bodies[2].leases, report.id, report.used, report.slices }, { 1, "v1", 2, { { math.floor(nginx.now), 2 } } })
end

function tests.a_check_says_who_asks_and_nothing_else()
  local s, g = sidecar { rate = 1, burst = 10, want = 10 }, gate { tenant = "acme" }
  ask(g, { name = "x", key = 'sk-"1"', ip = "2001:db8::1", ja4 = "t13d" })
  same(s.bodies[1].account, { key = 'sk-"1"' })
  same(s.bodies[1].client.ip .. s.bodies[1].client.ja4 .. s.bodies[1].client.user_agent, "2001:db8::1t13dcurl/8")
  same(s.bodies[1].tenant, "acme")
  same(s.bodies[1].lease, true)
end

function tests.while_the_sidecar_is_away_it_fails_as_it_was_told()
  for fail, status in pairs { open = cjson.null, closed = 503 } do
    local s, g = sidecar { rate = 1, burst = 100, want = 10 }, gate { fail = fail }
    s.away = true
    same(ask(g).status or cjson.null, status)
    local connections = nginx.connections
    same(ask(g).status or cjson.null, status)
    same(nginx.connections, connections, "connections within the pause")
    s.away = false
    nginx.run(1.01)
    same(ask(g).verdict, "v1")
  end
end

function tests.a_lease_goes_on_while_the_sidecar_is_away()
  local s, g = sidecar { rate = 1e-6, burst = 100, want = 10 }, gate { fail = "closed" }
  ask(g)
  s.away = true
  local passed = 0
  while not ask(g).status do passed = passed + 1 end
  same(passed, 10)
end

function tests.reports_wait_for_a_sidecar_that_comes_back()
  local s, g = sidecar { rate = 1e-6, burst = 100, want = 10 }, gate()
  ask(g)
  s.away = true
  nginx.run(8)
  same(s.settled.v1, nil)
  s.away = false
  nginx.run(3)
  same(s.settled.v1.used, 0)
end

function tests.what_the_sidecar_cannot_read_never_passes()
  local s, g = sidecar { rate = 1, burst = 10, want = 10 }, gate()
  for _, status in ipairs { 400, 413, 422 } do
    s.status = status
    same(ask(g).status, 400)
  end
  s.status = 503
  same(ask(g).status, nil)
end

function tests.an_answer_that_is_not_a_verdict_counts_as_away()
  local line = "v1\t0\t0.0\t\t0\t0\tstandard\t1.0\t\t\t"
  local wrong = { "", "null", "[", '[{"id":"v","decision":"allow"}]', "error", "error\t", line:sub(1, -3), line .. "\n" .. line }
  for _, body in ipairs { line, unpack(wrong) } do
    local g = gate { fail = "closed" }
    nginx.serve = function() return 200, body end
    same(ask(g).status, body ~= line and 503 or nil, body)
  end
end

function tests.a_headcount_that_answers_json_is_named_as_too_old_in_the_log()
  local g = gate()
  nginx.serve = function() return 200, '[{"id":"v","mode":"enforce"}]' end
  same(ask(g).status, nil)
  same(nginx.logged:find("must not be older", 1, true) ~= nil, true, nginx.logged)
end

function tests.a_problem_in_a_verdict_s_place_counts_as_its_status()
  local g = gate { fail = "closed" }
  nginx.serve = function() return 200, "error\t422" end
  same(ask(g).status, 400)
  nginx.serve = function() return 200, "error\t404" end
  same(ask(g).status, 503)
end

function tests.what_one_worker_was_told_another_one_reads()
  local s, one = sidecar { rate = 1e-6, burst = 100, want = 20 }, gate()
  local other = gate { shared = true }
  local first, second = ask(one), ask(other)
  same({ s.checks, second.verdict, second.tier, second.policy }, { 1, first.verdict, first.tier, first.policy })
  same({ first.left:match "r=%d+", second.left:match "r=%d+" }, { "r=99", "r=98" })
  s.decision = "deny"
  local denied = { name = "k2", key = "sk-2", ip = "11.0.0.1" }
  same({ ask(one, denied).status, ask(other, denied).status, s.checks }, { 403, 403, 2 })
end

function tests.shadow_mode_passes_and_tells_no_limits()
  local s, g = sidecar { rate = 1, burst = 10, want = 3 }, gate()
  s.mode = "shadow"
  local decision = ask(g)
  same({ decision.status or 0, decision.policy or 0, decision.tier or 0, decision.verdict }, { 0, 0, 0, "v1" })
end

function tests.a_client_sees_its_own_limit_go_down()
  local s, g = sidecar { rate = 1e-6, burst = 100, want = 20 }, gate()
  same(ask(g).left:match "r=%d+", "r=99")
  same(ask(g).left:match "r=%d+", "r=98")
  same(ask(g).left:match "r=%d+", "r=97")
end

function tests.memory_is_bounded_and_evictions_are_counted()
  local s, g = sidecar { rate = 1e-6, burst = 1e9, want = 10 }, gate { most = 64 }
  for i = 1, 300 do ask(g, { name = "k" .. i, key = "sk", ip = "11.0.0.1" }) end
  nginx.run(1.1)
  local status = g:status()
  same(status.evicted > 0, true, "evicted")
  same(ngx.shared.headcount.size <= 64, true, "entries")
  same(status.checks, 300)
end

function tests.wrong_options_are_errors_that_name_them()
  nginx.reset { headcount = nginx.dict() }
  local wrong = {
    { tenat = "x" }, { timeout = "1s" }, { fail = "ajar" }, { sidecar = "localhost" }, { dict = "missing" },
  }
  for _, options in ipairs(wrong) do
    local ok, err = pcall(headcount.new, options)
    local name = next(options)
    same(ok, false, name)
    same(err:find(name == "dict" and "missing" or name, 1, true) ~= nil, true, err)
  end
end

-- Two gateways of two workers each, played at random: requests in bursts, slow answers, a sidecar that is away, nginx
-- killed and started anew. However it goes, at most burst + rate * time pass, if they fail closed.
local function world(seed)
  math.randomseed(seed)
  local limit = { rate = math.random(1, 20), burst = math.random(1, 60), want = math.random(0, 1) * 50 + 2 }
  local s, begun, passed = sidecar(limit), nginx.now, 0
  nginx.reset {}
  local gates = {}
  local function start(i)
    ngx.shared = { headcount = nginx.dict() }
    gates[i] = { headcount.new { fail = "closed" }:start(), headcount.new { fail = "closed" }:start() }
  end
  start(1)
  start(2)
  for _ = 1, 120 do
    local step, i = math.random(1, 20), math.random(1, 2)
    if step == 1 then s.away = not s.away end
    if step == 2 then nginx.latency = math.random() * 0.4 end
    if step == 3 then start(i) end
    for _ = 1, math.random(1, 12) do
      local g = gates[i][math.random(1, 2)]
      nginx.spawn(function()
        local decision = g:decide(WHO)
        passed = passed + (decision.status and 0 or 1)
      end)
    end
    nginx.run(math.random() * (step < 5 and 3 or 0.2))
    local most = limit.burst + limit.rate * (nginx.now - begun)
    if passed > most + 1e-6 then error(("seed %d: %d passed of %.2f"):format(seed, passed, most)) end
  end
  return passed, limit.burst + limit.rate * (nginx.now - begun)
end

function tests.whatever_happens_no_more_passes_than_the_limit()
  local all, most = 0, 0
  for seed = 1, tonumber(os.getenv "HEADCOUNT_LUA_WORLDS" or 60) do
    local passed, limit = world(seed)
    all, most = all + passed, most + limit
  end
  same(all > most / 10, true, ("only %d of %d passed"):format(all, most))
end

local failed = 0
local names = {}
for name in pairs(tests) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  local ok, err = xpcall(tests[name], debug.traceback)
  print((ok and "ok " or "not ok ") .. name .. (ok and "" or "\n" .. err))
  failed = failed + (ok and 0 or 1)
end
os.exit(failed == 0 and 0 or 1)
