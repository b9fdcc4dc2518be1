-- nginx as the gate sees it, on a clock of its own: shared dicts, light threads, timers and sockets. Each request or
-- timer is a coroutine; a sleep or a socket's wait lets the others run, so every interleaving of awaits can be played.

local M = { now = 1790812800 }

local sleepers, timers, every = {}, {}, {}

-- ngx.shared.DICT as lua-nginx-module documents it; `most` entries, the oldest is evicted for a new one.
local Dict = {}
Dict.__index = Dict

function M.dict(most) return setmetatable({ most = most or 1e9, size = 0, values = {}, order = {} }, Dict) end

function Dict:entry(key)
  local entry = self.values[key]
  if entry and entry.ends and entry.ends <= M.now then
    self:delete(key)
    return nil
  end
  return entry
end

function Dict:get(key)
  local entry = self:entry(key)
  return entry and entry.value
end

function Dict:set(key, value, seconds)
  local forcible = false
  if not self:entry(key) then
    self.size = self.size + 1
    self.order[#self.order + 1] = key
    while self.size > self.most do
      forcible = true
      self:delete(table.remove(self.order, 1))
    end
  end
  self.values[key] = { value = value, ends = seconds and seconds > 0 and M.now + seconds or nil }
  return true, nil, forcible
end

function Dict:add(key, value, seconds)
  if self:entry(key) then return false, "exists" end
  return self:set(key, value, seconds)
end

function Dict:delete(key)
  if self.values[key] then self.size = self.size - 1 end
  self.values[key] = nil
end

function Dict:incr(key, by, init, seconds)
  local entry, forcible = self:entry(key), false
  if not entry then
    if not init then return nil, "not found" end
    _, _, forcible = self:set(key, init, seconds)
    entry = self.values[key]
  end
  entry.value = entry.value + by
  return entry.value, nil, forcible
end

local function list(self, key)
  if not self:entry(key) then self:set(key, {}) end
  return self.values[key].value
end

function Dict:rpush(key, value) local l = list(self, key); l[#l + 1] = value; return #l end
function Dict:lpush(key, value) local l = list(self, key); table.insert(l, 1, value); return #l end
function Dict:lpop(key) return table.remove(list(self, key), 1) end
function Dict:llen(key) return #list(self, key) end
function Dict:free_space() return self.most - self.size end

local function wait(seconds)
  sleepers[#sleepers + 1] = { at = M.now + seconds, thread = coroutine.running() }
  coroutine.yield()
end

local function resume(thread)
  local ok, err = coroutine.resume(thread)
  if not ok then error(debug.traceback(thread, err), 0) end
end

-- Run work as a request of its own, as far as its first wait.
function M.spawn(work) resume(coroutine.create(work)) end

-- Let everything run that is due within so many seconds, in the order of its time.
function M.run(seconds)
  local until_ = M.now + seconds
  while true do
    while timers[1] do M.spawn(table.remove(timers, 1)) end
    local first
    for i, sleeper in ipairs(sleepers) do
      if not first or sleeper.at < sleepers[first].at then first = i end
    end
    for _, timer in ipairs(every) do
      if timer.at <= (first and sleepers[first].at or until_) and timer.at <= until_ then
        M.now, timer.at = math.max(M.now, timer.at), timer.at + timer.seconds
        M.spawn(timer.work)
        first = false
        break
      end
    end
    if first ~= false then
      if not first or sleepers[first].at > until_ then break end
      local sleeper = table.remove(sleepers, first)
      M.now = math.max(M.now, sleeper.at)
      resume(sleeper.thread)
    end
  end
  M.now = until_
end

-- Set the clock; timers and sleeps go by another one, as nginx's do, and the ends of a dict's entries by this one.
function M.set_clock(ahead)
  M.now = M.now + ahead
  for _, waiting in ipairs { sleepers, every } do
    for _, one in ipairs(waiting) do one.at = one.at + ahead end
  end
end

-- Everything but the clock begins anew, as after nginx was killed.
function M.reset(shared) sleepers, timers, every, ngx.shared = {}, {}, {}, shared end

-- M.serve(method and path, body) -> status, body; or nil, error to refuse. M.latency: seconds there and back.
M.latency = 0.001
M.serve = function() return nil, "connection refused" end

local function socket()
  local self, lines, body = {}, {}, nil
  function self.settimeouts() end
  function self.connect()
    M.connections = (M.connections or 0) + 1
    if M.refusing then return nil, "connection refused" end
    return true
  end
  function self.getreusedtimes() return 0 end
  function self.setkeepalive() return 1 end
  function self.close() end
  function self.send(_, message)
    local path, sent = message:match "^POST (%S+) HTTP/1.1\r\n.-\r\n\r\n(.*)$"
    wait(M.latency / 2)
    local status, answer = M.serve(path, sent)
    if not status then return nil, answer end
    body = answer
    lines = { "HTTP/1.1 " .. status .. " X", "Content-Length: " .. #body, "" }
    wait(M.latency / 2)
    return #message
  end
  function self.receive(_, what)
    if what == "*l" then return table.remove(lines, 1) end
    return body
  end
  return self
end

ngx = {
  ERR = "error",
  shared = {},
  now = function() return M.now end,
  sleep = wait,
  log = function(...) M.logged = table.concat({ ... }, "", 2) end,
  sha1_bin = function(text) return text end,
  socket = { tcp = socket },
  timer = {
    at = function(delay, work)
      timers[#timers + 1] = function()
        if delay > 0 then wait(delay) end
        work(false)
      end
      return true
    end,
    every = function(seconds, work) every[#every + 1] = { at = M.now + seconds, seconds = seconds, work = work } end,
  },
}

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
function ngx.decode_base64(text)
  local bits, bytes = 0, {}
  local value = 0
  for c in text:gsub("=", ""):gmatch "." do
    value, bits = value * 64 + alphabet:find(c, 1, true) - 1, bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(math.floor(value / 2 ^ bits) % 256)
      value = value % 2 ^ bits
    end
  end
  return table.concat(bytes)
end

return M
