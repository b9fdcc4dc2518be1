-- Headcount's leases in nginx: a gate decides about each request, in shared memory while it can, else by asking.
-- Used by plugins/nginx, plugins/kong and plugins/apisix. Nothing here blocks, and one check a key is out at a time.
--
-- In the shared dict, per key ("k"), lease ("t" tokens left, "u" used by second) and tenant (lists, counters):
--   k<name>   what the newest verdict says, as JSON        t<lease>        tokens left; below 0 they are gone
--   c<name>   a check is out                               u<lease>.<sec>  requests that passed in that second
--   r<name>   a renewal brought nothing; not again yet     open <second>   leases that end then and are to be closed
--   reports   what was used of closed leases, to be sent    n <name>        counts of all workers
-- What the dict evicts when it is full costs a check more, and never lets more through: a lease without its counter
-- counts as used.

local cjson = require "cjson.safe"
local sidecar = require "headcount.sidecar"
local told = require "headcount.told"

local floor, max, min = math.floor, math.max, math.min

local M = { _VERSION = "1.0" }
local Gate = {}
Gate.__index = Gate

local CLOSED = 2 ^ 40 -- taken from a counter of tokens so that nobody can pass on it any more
local KEPT_AFTER = 30 -- seconds that counters outlive their lease, for whoever closes it
local LONGEST = 90 -- seconds that a counter of requests lives; a lease lasts 60 at most
local SLICES = 15 -- a lease's use is told in so many slices, of whole seconds
local MOST_REPORTS = 10000
local MOST_RENEWING = 100 -- a worker's timers at once; nginx runs 256
local MOST_DECODED = 8192
local REPORTS_A_CHECK = 16
local REPORTS_A_SETTLE = 64
local SETTLES_A_SWEEP = 100
local SECONDS_A_SWEEP = 120
local WAIT = 0.002 -- seconds between two looks at a check that somebody else sent
local LEAST_DENIAL = 1 -- seconds for which a denial by tier is not asked about again
local REFUSED = { [400] = true, [413] = true, [422] = true } -- a client's doing, so it never passes

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
local OPTIONAL = { account_header = true, ja4_header = true }

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
  return { path = path, host = host, port = tonumber(port), timeout = options.timeout, idle = 60000, pool = pool }
end

-- Raises an error that names the option, for whatever cannot work.
function M.new(options)
  options = checked(options)
  local dict = ngx.shared[options.dict]
  if not dict then error("headcount: lua_shared_dict " .. options.dict .. " is missing in nginx's configuration", 2) end
  return setmetatable({
    options = options,
    endpoint = endpoint(options),
    dict = dict,
    lock = 3 * options.timeout / 1000 + 1,
    renewing = 0,
    counts = {},
    young = {},
    old = {},
    decoded_count = 0,
    open_list = "open " .. options.tenant,
    report_list = "reports " .. options.tenant,
    down = "down " .. options.tenant,
  }, Gate)
end

function Gate:count(name, by) self.counts[name] = (self.counts[name] or 0) + (by or 1) end

function Gate:put(key, value, seconds)
  local ok, _, forcible = self.dict:set(key, value, seconds)
  if forcible then self:count "evicted" end
  return ok
end

-- JSON of a key's verdict as a table; what was decoded lately is kept, in two generations.
function Gate:decoded(raw)
  local found = self.young[raw]
  if found then return found end
  found = self.old[raw] or cjson.decode(raw)
  self.decoded_count = self.decoded_count + 1
  if self.decoded_count > MOST_DECODED then
    self.old, self.young, self.decoded_count = self.young, {}, 1
  end
  self.young[raw] = found
  return found
end

-- What the key's newest verdict says, nil if there is none, and how many tokens of its lease are used with the one that
-- this request takes; nil if it has to be asked about.
function Gate:look(name, now)
  local raw = self.dict:get("k" .. name)
  local kept = raw and self:decoded(raw)
  if not kept then return nil end
  if kept.status then return kept, now < kept.ends and 0 or nil end
  local lease = kept.lease
  if now >= lease.ends then return kept, nil end
  local left = self.dict:incr("t" .. lease.id, -1)
  if not left or left < 0 then return kept, nil end
  local first = floor(lease.at)
  local slice = first + floor((now - first) / lease.width) * lease.width
  local _, _, forcible = self.dict:incr("u" .. lease.id .. "." .. slice, 1, 0, LONGEST)
  if forcible then self:count "evicted" end
  return kept, lease.granted - left
end

local function outcome(kept, used, now)
  return {
    status = kept.status,
    verdict = kept.verdict,
    tier = kept.tier,
    risk = kept.risk,
    cluster = kept.cluster,
    actions = kept.actions,
    policy = kept.policy,
    left = kept.policy and told.left(kept.limits, used, now - kept.at),
    retry_after = kept.status and told.whole((kept.retry_at or 0) - now),
  }
end

-- What becomes of a request while Headcount cannot be asked.
function Gate:absent()
  if self.options.fail == "open" then
    self:count "passed_unasked"
    return {}
  end
  self:count "stopped_unasked"
  return { status = 503, retry_after = 1 }
end

-- Decide about one request of a caller (headcount.caller.read). status is nil if it passes, else 400, 403, 429 or 503.
function Gate:decide(who)
  local now = ngx.now()
  local patience = now + self.options.timeout / 1000
  while true do
    local kept, used = self:look(who.name, now)
    if used then
      if kept.lease then
        self:count "passed_on_lease"
        self:renew_early(who, kept.lease, used, now)
      else
        self:count "stopped_locally"
      end
      return outcome(kept, used, now)
    end
    if self.dict:get(self.down) then return self:absent() end
    if self.dict:add("c" .. who.name, 1, self.lock) then
      local answer = self:ask(who, kept, now)
      self.dict:delete("c" .. who.name)
      return answer and outcome(answer, 0, now) or self:absent()
    end
    if now > patience then return self:absent() end
    ngx.sleep(WAIT)
    now = ngx.now()
  end
end

-- Ask about this request; `before` is what was known, whose lease is over.
function Gate:ask(who, before, now)
  if before and before.lease then self:close(before.lease, now) end
  local kept = self:check(who, now)
  if kept and not kept.refused then self:keep(who, kept, now, 0) end
  return kept
end

-- Send one check with waiting reports. Returns what to keep of the verdict; nil if there is none.
function Gate:check(who, now)
  local reports = self:pop(REPORTS_A_CHECK)
  local body = cjson.encode {
    tenant = self.options.tenant,
    account = { id = who.account, key = who.key },
    client = { ip = who.ip, ja4 = who.ja4, user_agent = who.user_agent },
    lease = true,
  }
  if reports[1] then body = body:sub(1, -2) .. ',"leases":[' .. table.concat(reports, ",") .. "]}" end
  self:count "checks"
  local status, verdict = sidecar.post(self.endpoint, "/v1/check", body)
  if status == 200 and told.is_verdict(verdict) then
    local kept = told.kept(verdict, now)
    kept.retry_after, kept.grant = verdict.retry_after, verdict.lease
    return kept
  end
  self:push_back(reports)
  if REFUSED[status] then return { status = 400, refused = true, retry_at = now } end
  self:count "failures"
  self.dict:set(self.down, 1, self.options.pause)
  ngx.log(ngx.ERR, "headcount cannot be asked: ", status or tostring(verdict), "; failing ", self.options.fail)
end

-- Keep a stop until its wait is over, or a lease until it ends. `spare`: tokens beside those of the lease, for a
-- renewal, whose own cost nobody used.
function Gate:keep(who, kept, now, spare)
  local grant = kept.grant
  kept.grant = nil
  if kept.status then
    local wait = kept.retry_after
    if kept.status ~= 429 then wait = max(wait, LEAST_DENIAL) end
    kept.retry_at = now + wait
    kept.ends = now + min(wait, self.options.longest_denial)
  elseif type(grant) == "table" and grant.tokens > 0 then
    local granted, ends = grant.tokens + spare, now + grant.ttl
    kept.lease = {
      id = grant.id, granted = granted, spare = spare, at = now, ends = ends, width = max(1, math.ceil(grant.ttl / SLICES)),
      low = granted >= 4 and floor(granted / 4) or -1,
      soon = granted >= 4 and ends - grant.ttl / 4 or ends,
    }
    if not self:put("t" .. grant.id, granted, grant.ttl + KEPT_AFTER) then return end
    self:note_open(kept.lease)
  else
    self.dict:delete("k" .. who.name)
    return
  end
  self:put("k" .. who.name, cjson.encode(kept), max(kept.ends or kept.lease.ends, now + 0.001) - now)
end

local function lease_of(text)
  local id, granted, spare, at, ends, width = text:match "^(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.-)$"
  return {
    id = id, granted = tonumber(granted), spare = tonumber(spare),
    at = tonumber(at), ends = tonumber(ends), width = tonumber(width),
  }
end

function Gate:note_open(lease)
  local text = ("%s\n%d\n%d\n%.3f\n%.3f\n%d"):format(
    lease.id, lease.granted, lease.spare, lease.at, lease.ends, lease.width)
  if not self.dict:rpush(self.open_list .. floor(lease.ends) + 1, text) then self:count "dropped" end
end

-- Close a lease, once, and queue what was used of it. What nobody reports counts as used.
function Gate:close(lease, now)
  local left = self.dict:incr("t" .. lease.id, -CLOSED)
  if not left then return end -- closed by somebody else, or evicted
  self.dict:delete("t" .. lease.id)
  if left < -CLOSED * 1.5 then return end -- somebody else is just closing it
  local used = lease.granted - max(left + CLOSED, 0)
  local report = { id = lease.id, used = max(used - lease.spare, 0), slices = self:slices(lease, now) }
  local length = self.dict:rpush(self.report_list, cjson.encode(report))
  if not length then
    self:count "dropped"
  elseif length > MOST_REPORTS then
    self.dict:lpop(self.report_list)
    self:count "dropped"
  end
end

function Gate:slices(lease, now)
  local found = {}
  for second = floor(lease.at), min(floor(now), floor(lease.ends)), lease.width do
    local key = "u" .. lease.id .. "." .. second
    local used = self.dict:get(key)
    if used then
      found[#found + 1] = { second, used }
      self.dict:delete(key)
    end
  end
  return found[1] and found or nil
end

function Gate:pop(most)
  local found = {}
  for i = 1, most do
    found[i] = self.dict:lpop(self.report_list)
    if not found[i] then break end
  end
  return found
end

function Gate:push_back(reports)
  for i = #reports, 1, -1 do
    if not self.dict:lpush(self.report_list, reports[i]) then self:count "dropped" end
  end
end

-- Ask for the next lease in the background, before this one is used up or over.
function Gate:renew_early(who, lease, used, now)
  if lease.granted - used > lease.low and now < lease.soon then return end
  if lease.low < 0 or self.renewing >= MOST_RENEWING then return end
  if self.dict:get("r" .. who.name) or self.dict:get(self.down) then return end
  if not self.dict:add("c" .. who.name, 1, self.lock) then return end
  self.renewing = self.renewing + 1
  local ok = ngx.timer.at(0, function() self:renew(who, lease) end)
  if not ok then self:renewed(who) end
end

function Gate:renewed(who)
  self.renewing = self.renewing - 1
  self.dict:delete("c" .. who.name)
end

function Gate:renew(who, lease)
  local now = ngx.now()
  local kept = self:check(who, now)
  if kept and not kept.refused and (type(kept.grant) == "table" or (kept.status and kept.status ~= 429)) then
    self:keep(who, kept, now, 1)
    self:close(lease, ngx.now())
  else -- what is left of the old lease can still be used
    self.dict:set("r" .. who.name, 1, max(lease.ends - now, 0.001))
  end
  self:renewed(who)
end

-- Close leases that are over, report what no check came to report, add this worker's counts to everybody's.
function Gate:sweep()
  for name, count in pairs(self.counts) do self.dict:incr("n " .. name, count, 0) end
  self.counts = {}
  local mine = "sweeping " .. self.options.tenant
  if not self.dict:add(mine, 1, 30) then return end
  self:close_ended(ngx.now())
  self:settle()
  self.dict:delete(mine)
end

function Gate:close_ended(now)
  local last = self.dict:get(self.open_list) or floor(now) - 1
  for second = max(last + 1, floor(now) - SECONDS_A_SWEEP), floor(now) do
    local text = self.dict:lpop(self.open_list .. second)
    while text do
      self:close(lease_of(text), now)
      text = self.dict:lpop(self.open_list .. second)
    end
    self.dict:set(self.open_list, second)
  end
end

function Gate:settle()
  for _ = 1, SETTLES_A_SWEEP do
    if self.dict:get(self.down) then return end
    local reports = self:pop(REPORTS_A_SETTLE)
    if not reports[1] then return end
    local tenant = cjson.encode(self.options.tenant)
    local body = '{"tenant":' .. tenant .. ',"leases":[' .. table.concat(reports, ",") .. "]}"
    local status = sidecar.post(self.endpoint, "/v1/settle", body)
    if status ~= 200 then
      self:push_back(reports)
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
  local found = { free = self.dict:free_space(), reports = self.dict:llen(self.report_list) }
  for _, name in ipairs {
    "checks", "failures", "passed_on_lease", "stopped_locally", "passed_unasked", "stopped_unasked", "evicted", "dropped",
  } do
    found[name] = self.dict:get("n " .. name) or 0
  end
  return found
end

return M
