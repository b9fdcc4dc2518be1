-- Headcount's leases in nginx: a gate decides about each request, in shared memory while it can, else by asking.
-- Used by plugins/nginx, plugins/kong and plugins/apisix. Nothing here blocks, and one check a key is out at a time.
--
-- In the shared dict, besides the entries of headcount/ledger.lua:
--   k<name>   what the newest verdict says and whose it is c<name>   a check is out
--   r<name>   a renewal brought nothing; not again yet    down      Headcount could not be asked; not again yet
-- Each worker keeps what it read, so that a request which passes costs one operation on the dict. A lease that another
-- worker closed has no counter any more, which is how this one learns of it.

local checks = require "headcount.checks"
local cjson = require "cjson.safe"
local ledger = require "headcount.ledger"
local renewals = require "headcount.renewals"
local sidecar = require "headcount.sidecar"
local verdicts = require "headcount.verdicts"

local concat, max, min = table.concat, math.max, math.min

local M = { _VERSION = "1.0" }
local Gate = {}
Gate.__index = Gate

local MOST_KEPT = 16384 -- verdicts that a worker keeps of its own, and as many from before
local REPORTS_A_CHECK = 16
local REPORTS_A_RENEWAL = 4
local REPORTS_A_SETTLE = 64
local SETTLES_A_SWEEP = 100
local WAIT = 0.002 -- seconds between two looks at a check that another request sent
local SET_BACK = 0.5 -- seconds from which on the clock was set back; a smaller step is not waited out for longer either
local LEAST_DENIAL = 1 -- seconds for which a denial by tier is not asked about again
local REFUSED = { [400] = true, [413] = true, [422] = true } -- a client's doing, so it never passes
local UNREADABLE = "an answer that this module cannot read; Headcount must not be older than the module"
local PASSED_UNASKED = {}
local STOPPED_UNASKED = { status = 503 }

local DEFAULTS = {
  tenant = "default",
  sidecar = "127.0.0.1:8470", -- or unix:/path
  dict = "headcount",
  fail = "open", -- or closed: what happens while Headcount cannot be asked
  timeout = 500, -- milliseconds, for connecting, sending and each read
  connections = 64, -- to Headcount, for each worker
  trusted_hops = 1, -- nginx itself is the first; 2: one proxy before it appends to X-Forwarded-For
  longest_denial = 10, -- seconds until a stopped key is asked about again, however long its wait
  pause = 1, -- seconds without asking after Headcount could not be asked
}
local OPTIONAL = { account_header = true, ja4_header = true, key_header = true, secret = true }

local function checked(options)
  local found = {}
  for name, value in pairs(options or {}) do
    if DEFAULTS[name] == nil and not OPTIONAL[name] then error("headcount: no such option: " .. tostring(name), 3) end
    if DEFAULTS[name] ~= nil and type(value) ~= type(DEFAULTS[name]) then
      error(("headcount: option %s must be a %s"):format(name, type(DEFAULTS[name])), 3)
    end
    found[name] = value
  end
  for name, value in pairs(DEFAULTS) do
    if found[name] == nil then found[name] = value end
  end
  if found.fail ~= "open" and found.fail ~= "closed" then error("headcount: fail is open or closed", 3) end
  return found
end

local function endpoint(options)
  local path = options.sidecar:match "^unix:(.+)$"
  local host, port = options.sidecar:match "^%[?([%x.:]-)%]?:(%d+)$"
  if not path and not host then error("headcount: sidecar is ADDRESS:PORT or unix:/path", 4) end
  local pool = { pool_size = options.connections, backlog = 1024 }
  local secret = options.secret
  if secret and not secret:find "^[!-~]+$" then error("headcount: secret must be visible ASCII without blanks", 4) end
  return {
    path = path, host = host, port = tonumber(port), timeout = options.timeout, idle = 60000, pool = pool,
    lines = secret and ("X-Headcount-Secret: %s\r\n"):format(secret) or "",
  }
end

-- Raises an error that names the option, for whatever cannot work.
function M.new(options)
  options = checked(options)
  local dict = ngx.shared[options.dict]
  if not dict then error("headcount: lua_shared_dict " .. options.dict .. " is missing in nginx's configuration", 2) end
  local gate = setmetatable({
    options = options,
    endpoint = endpoint(options),
    dict = dict,
    ledger = ledger.new(dict, options.tenant),
    lock = 3 * options.timeout / 1000 + 1,
    down = "down " .. options.tenant,
    tenant = cjson.encode(options.tenant),
    young = {},
    old = {},
    young_count = 0,
  }, Gate)
  gate.renewals = renewals.new(function(leases) gate:renew(leases) end)
  return gate
end

-- What this worker keeps of a caller, in two generations.
function Gate:kept_here(key)
  local kept = self.young[key]
  if kept then return kept end
  kept = self.old[key]
  if kept then self:keep_here(key, kept) end
  return kept
end

function Gate:keep_here(key, kept)
  self.young_count = self.young_count + 1
  if self.young_count > MOST_KEPT then
    self.old, self.young, self.young_count = self.young, {}, 1
  end
  self.young[key] = kept
end

-- How many tokens are used if the request passes on a lease, 0 if it is stopped, nil if neither is known: also of what
-- was given at a future time, before the clock was set back.
function Gate:allows(kept, now)
  if kept.lease then return self.ledger:spend(kept, now) end
  if kept.at > now + SET_BACK then return nil end
  return kept.status and now < kept.ends and 0 or nil
end

-- Decide by what this worker keeps under `key`, which names a caller: what was said, and how many tokens of its lease
-- are used now, 0 for a stop. nil if it has to be looked for; also where a lease should be renewed.
function Gate:known(key, now)
  local kept = self:kept_here(key)
  local used = kept and self.ledger:take(kept, now)
  if used then
    self.ledger:count "passed_on_lease"
    return kept, used, false
  end
  used = kept and self:allows(kept, now)
  if not used then return nil end
  if kept.status then
    self.ledger:count "stopped_locally"
    return kept, used, false
  end
  self.ledger:count "passed_on_lease"
  return kept, used, self.ledger:is_to_be_renewed(kept, used, now)
end

-- What is kept of a verdict for all workers, and back.
local function packed(kept) return ("%.3f\n%d\n%s\n%s"):format(kept.at, kept.spare or 0, kept.holder or "", kept.line) end

function Gate:unpacked(text)
  local at, spare, holder, line = text:match "^(.-)\n(.-)\n(.-)\n(.*)$"
  local kept = verdicts.kept(line, tonumber(at))
  if kept.status then
    self:hold(kept)
  else
    kept.holder = holder
    ledger.count_on(kept, tonumber(spare))
  end
  return kept
end

-- Say of a stop how long it holds.
function Gate:hold(kept)
  local wait = kept.status == 429 and kept.wait or max(kept.wait, LEAST_DENIAL)
  kept.lease, kept.retry_at = nil, kept.at + wait
  kept.ends = kept.at + min(wait, self.options.longest_denial)
end

-- What all workers know of the key: as above, or what was known but does not decide any more.
function Gate:look(who, now)
  local raw = self.dict:get("k" .. who.name)
  local kept = raw and self:unpacked(raw)
  if not kept then return nil end
  local key = who.key_here or who.name
  local here = self:kept_here(key)
  if here and here.lease and here.lease == kept.lease then -- tokens of it may be drawn already
    kept = here
  else
    kept.name = who.name
    self:keep_here(key, kept)
  end
  return kept, self:allows(kept, now)
end

-- What becomes of a request while Headcount cannot be asked.
function Gate:absent()
  if self.options.fail == "open" then
    self.ledger:count "passed_unasked"
    return PASSED_UNASKED, 0
  end
  self.ledger:count "stopped_unasked"
  return STOPPED_UNASKED, 0
end

-- Decide about one request of a caller (headcount.caller.read). Returns what to tell of it, and how many tokens of its
-- lease are used. Its `status` is nil if the request passes, else 400, 403, 429 or 503.
function Gate:decide(who, user_agent)
  local now = ngx.now()
  local key = who.key_here or who.name
  local here, used, renewable = self:known(key, now)
  if here then
    if renewable then self:renew_early(here, key, user_agent, used, now) end
    return here, used
  end
  local patience = now + self.options.timeout / 1000
  while true do
    local kept
    kept, used = self:look(who, now)
    if used then
      self.ledger:count(kept.status and "stopped_locally" or "passed_on_lease")
      return kept, used
    end
    if self:since(self.down, now) then return self:absent() end
    if self.dict:add("c" .. who.name, 1, self.lock) then return self:ask(who, user_agent, kept, now) end
    if now > patience then return self:absent() end
    ngx.sleep(WAIT)
    now = ngx.now()
  end
end

-- Whether a key of the dict holds, whose value is the time that it was set at; nginx would keep it until its end by a
-- clock that was set back.
function Gate:since(key, now)
  local at = self.dict:get(key)
  return at and at <= now + SET_BACK
end

-- Ask about this request; `before` is what was known, whose lease is over.
function Gate:ask(who, user_agent, before, now)
  if before and before.lease then self.ledger:close(before) end
  local kept = self:check(who, user_agent, now)
  if kept and not kept.refused then self:keep(who, kept, now, 0) end
  self.dict:delete("c" .. who.name)
  if kept then return kept, 0 end
  return self:absent()
end

-- Send one check with waiting reports. Returns what to keep of the verdict; nil if there is none.
function Gate:check(who, user_agent, now)
  local reports = self.ledger:pop(REPORTS_A_CHECK)
  who.holder = checks.holder(who)
  local lines, problem = self:post({ checks.body(self.tenant, who.holder, user_agent, reports) }, now)
  local kept
  if lines then
    kept, problem = verdicts.kept(lines[1], now)
    if kept then return kept end
  end
  self.ledger:push_back(reports)
  if REFUSED[problem] then return { status = 400, refused = true } end
  if lines then self:failed(problem or UNREADABLE, now) end
end

-- Send checks in one message. Returns a line for each; or nil, and the status that Headcount answered.
function Gate:post(bodies, now)
  self.ledger:count("checks", #bodies)
  local status, answer = sidecar.post(self.endpoint, "/v1/check/batch", "[" .. concat(bodies, ",") .. "]")
  local lines = {}
  if status == 200 then
    for line in answer:gmatch "[^\n]+" do lines[#lines + 1] = line end
    if #lines == #bodies then return lines end
    status, answer = nil, UNREADABLE
  end
  if not REFUSED[status] or bodies[2] then self:failed(status or tostring(answer), now) end
  return nil, status
end

function Gate:failed(why, now)
  self.ledger:count "failures"
  self.dict:set(self.down, now, self.options.pause)
  ngx.log(ngx.ERR, "headcount cannot be asked: ", why, "; failing ", self.options.fail)
end

-- Keep a stop until its wait is over, or a lease until it ends. `spare`: tokens besides those of the lease, for a
-- renewal, whose own cost is unused.
function Gate:keep(who, kept, now, spare)
  local key = who.key_here or who.name
  self.young[key], self.old[key] = nil, nil
  kept.holder = kept.tokens > 0 and who.holder or nil
  if kept.status then
    self:hold(kept)
  elseif kept.tokens < 1 or not self.ledger:open(kept, spare) then
    kept.lease = nil
    self.dict:delete("k" .. who.name)
    return
  end
  self.ledger:put("k" .. who.name, packed(kept), max(kept.ends - now, 0.001))
  kept.line = nil
  kept.name = who.name
  self:keep_here(key, kept)
end

-- Ask for the next lease in the background, before this one is used up or over: once for each lease.
function Gate:renew_early(kept, key, user_agent, used, now)
  self.ledger:renew_at(kept, nil)
  if kept.granted < 4 then return end
  local left = (kept.granted - used) * max(now - kept.at, 0) / used -- seconds, if it is used as fast as until now
  local lease = { name = kept.name, key_here = key, holder = kept.holder, user_agent = user_agent, before = kept }
  if not self.renewals:add(lease, left < 4 * renewals.WAIT) then self.ledger:renew_at(kept, now + self.options.pause) end
end

-- Renew leases of this worker, except those that another one or a request renewed or is about to renew.
function Gate:renew(leases)
  local now, mine = ngx.now(), {}
  local down = self:since(self.down, now)
  for _, one in ipairs(leases) do
    if down then
      self.ledger:renew_at(one.before, now + self.options.pause)
    elseif self.ledger:is_open(one.before) and not self:since("r" .. one.name, now)
      and self.dict:add("c" .. one.name, 1, self.lock) then
      mine[#mine + 1] = one
    end
  end
  if not mine[1] then return end
  local done, why = pcall(self.renew_together, self, mine, now)
  for _, one in ipairs(mine) do self.dict:delete("c" .. one.name) end
  if not done then error(why, 0) end
end

function Gate:renew_together(leases, now)
  local bodies = {}
  for i, one in ipairs(leases) do
    one.reports = self.ledger:pop(REPORTS_A_RENEWAL)
    bodies[i] = checks.body(self.tenant, one.holder, one.user_agent, one.reports)
  end
  local lines = self:post(bodies, now)
  for i, one in ipairs(leases) do
    local kept = lines and verdicts.kept(lines[i], now)
    if kept then
      self:renewed(one, kept, now)
    else
      self.ledger:push_back(one.reports)
      self:not_renewed(one, lines, now)
    end
  end
end

function Gate:renewed(one, kept, now)
  if kept.tokens < 1 and (not kept.status or kept.status == 429) then return self:not_renewed(one, true, now) end
  self:keep(one, kept, now, 1)
  self.ledger:close(one.before)
end

-- What is left of the old lease can still be used. `answered`: there is no better one while it lasts.
function Gate:not_renewed(one, answered, now)
  if answered then
    self.dict:set("r" .. one.name, now, max(one.before.ends - now, 0.001))
  else
    self.ledger:renew_at(one.before, now + self.options.pause)
  end
end

-- Close leases that are over, report what no check came to report, add this worker's counts to the shared ones.
function Gate:sweep()
  self.ledger:tell_counts()
  local mine = "sweeping " .. self.options.tenant
  if not self.dict:add(mine, 1, 30) then return end
  self.ledger:close_ended(ngx.now())
  self:settle()
  self.dict:delete(mine)
end

function Gate:settle()
  for _ = 1, SETTLES_A_SWEEP do
    if self:since(self.down, ngx.now()) then return end
    local reports = self.ledger:pop(REPORTS_A_SETTLE)
    if not reports[1] then return end
    local body = '{"tenant":' .. self.tenant .. ',"leases":[' .. concat(reports, ",") .. "]}"
    local status = sidecar.post(self.endpoint, "/v1/settle", body)
    if status ~= 200 and status ~= 404 then -- 404: none of them is open any more
      self.ledger:push_back(reports)
      return
    end
  end
end

-- To be called once in each worker (init_worker_by_lua).
function Gate:start()
  ngx.timer.every(1, function(premature)
    if not premature then self:sweep() end
  end)
  return self
end

-- What happened since nginx started, all workers together and up to a second old.
function Gate:status()
  local found = { free = self.dict:free_space(), reports = self.dict:llen(self.ledger.report_list) }
  for _, name in ipairs {
    "checks", "failures", "passed_on_lease", "stopped_locally", "passed_unasked", "stopped_unasked", "evicted", "dropped",
  } do
    found[name] = self.dict:get("n " .. name) or 0
  end
  return found
end

return M
