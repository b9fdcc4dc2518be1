-- Leases in shared memory: tokens taken one by one, use reported by slices of time, each lease closed and reported once.
--
--   t<lease>        tokens left; below 0 they are gone      open <second>   leases that end then and are to be closed
--   u<lease>.<n>    tokens used when its slice n began      reports         what was used of closed leases, to be sent
--   n <name>        counts of all workers
-- What the dict evicts when it is full costs a check more, and never lets more through: a lease without its counter
-- counts as used.
--
-- A lease is a flat table, so that a worker can keep ten thousand of them at little cost to its garbage collector:
-- lease (its id), counter (the dict's key), granted, spare (tokens besides those of the sidecar's lease), begun and ends
-- (seconds), soon (when to renew it), width (seconds of a slice), slice (the one that this worker noted last). A worker
-- draws several tokens of a large lease at once, because finding its counter costs much: draw says how many.
-- What a request that passes reads is in the table's array, which is one line of the processor's cache. Ten thousand
-- leases do not stay in the cache, so each further line is a wait for memory.

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min

local Ledger = {}
Ledger.__index = Ledger

local M = {}

local CLOSED = 2 ^ 40 -- taken from a counter of tokens so that no request can pass on it any more
local KEPT_AFTER = 30 -- seconds that counters outlive their lease, for the worker that closes it
local LONGEST = 90 -- seconds that a slice is kept; a lease lasts 60 at most
local DRAWN, MOST_DRAWN = 16, 32 -- a worker draws a sixteenth of a lease at once; what it does not use counts as used
local SET_BACK = 0.5 -- seconds from which on the clock was set back; a smaller step is not waited out for longer either
local MINE = 1 -- of the array: tokens that this worker drew and did not use
local UPTO = 2 -- how many tokens of the lease are used when those are
local HIGH = 3 -- at how many used tokens the lease should be renewed
local CALM = 4 -- until when nothing is to be noted or renewed
local SINCE = 5 -- before this time, the clock was set back
local SLICES = 5 -- a lease's use is reported in so many slices, of whole seconds
local MOST_REPORTS = 10000
local SECONDS_A_SWEEP = 120

function M.new(dict, tenant)
  return setmetatable({
    dict = dict,
    counts = {},
    open_list = "open " .. tenant .. " ",
    report_list = "reports " .. tenant,
  }, Ledger)
end

function Ledger:count(name, by) self.counts[name] = (self.counts[name] or 0) + (by or 1) end

-- Add this worker's counts to the shared ones.
function Ledger:tell_counts()
  for name, count in pairs(self.counts) do self.dict:incr("n " .. name, count, 0) end
  self.counts = {}
end

function Ledger:put(key, value, seconds)
  local ok, _, forcible = self.dict:set(key, value, seconds)
  if forcible then self:count "evicted" end
  return ok
end

-- Say of a lease what follows from its grant; `spare` as above.
function M.count_on(kept, spare)
  local granted, ttl = kept.tokens + spare, kept.ttl
  local ends = kept.at + ttl
  kept.counter, kept.granted, kept.spare = "t" .. kept.lease, granted, spare
  kept.begun, kept.ends, kept.width = floor(kept.at), ends, max(1, ceil(ttl / SLICES))
  kept.soon = granted >= 4 and ends - ttl / 8 or ends
  kept.draw = min(max(1, floor(granted / DRAWN)), MOST_DRAWN)
  kept[MINE], kept[UPTO], kept[HIGH] = 0, 0, granted >= 4 and granted - floor(granted / 4) or granted + 1
  kept[CALM], kept[SINCE] = 0, kept.at - SET_BACK
end

local function set_calm(kept)
  kept[CALM] = min(kept.ends, kept.soon, kept.begun + ((kept.slice or -1) + 1) * kept.width)
end

-- Renew a lease at this time and not before; by default not any more.
function Ledger:renew_at(kept, soon)
  kept[HIGH], kept.soon = math.huge, soon or math.huge
  set_calm(kept)
end

function Ledger:is_to_be_renewed(kept, used, now) return used >= kept[HIGH] or now >= kept.soon end

-- Take a token where that is all there is to do. Returns how many are used with it, else nil: see spend.
function Ledger:take(kept, now)
  local mine = kept[MINE]
  if not mine or mine < 1 or now >= kept[CALM] or now < kept[SINCE] then return nil end
  local used = kept[UPTO] - mine + 1
  if used >= kept[HIGH] then return nil end
  kept[MINE] = mine - 1
  return used
end

-- Make `kept` a lease, its `holder` whose it is; `spare` as above. False if there is no room.
function Ledger:open(kept, spare)
  M.count_on(kept, spare)
  if not self:put(kept.counter, kept.granted, kept.ttl + KEPT_AFTER) then return false end
  local text = ("%s\n%d\n%d\n%d\n%d\n%s"):format(kept.lease, kept.granted, spare, kept.begun, kept.width, kept.holder)
  if not self.dict:rpush(self.open_list .. floor(kept.ends) + 1, text) then self:count "dropped" end
  return true
end

-- Take a token of a lease. Returns how many are used with it; nil if there is none, or the lease is over or closed.
function Ledger:spend(kept, now)
  if now >= kept.ends or now < kept[SINCE] then return nil end
  if kept[MINE] < 1 and not self:draw(kept) then return nil end
  local mine = kept[MINE] - 1
  kept[MINE] = mine
  local used = kept[UPTO] - mine
  local slice = floor((now - kept.begun) / kept.width)
  if slice ~= kept.slice then self:note_slice(kept, slice, used - 1) end
  return used
end

-- Draw tokens for this worker. False if there are none, or the lease is closed.
function Ledger:draw(kept)
  local left = self.dict:incr(kept.counter, -kept.draw)
  if not left or left <= -kept.draw then return false end
  kept[MINE], kept[UPTO] = min(kept.draw, kept.draw + left), kept.granted - max(left, 0)
  return true
end

function Ledger:is_open(kept) return self.dict:get(kept.counter) ~= nil end

-- Note how many tokens were used when a slice of time began; every worker tries, and the first one is right.
function Ledger:note_slice(kept, slice, used)
  kept.slice = slice
  set_calm(kept)
  local _, _, forcible = self.dict:add("u" .. kept.lease .. "." .. slice, used, LONGEST)
  if forcible then self:count "evicted" end
end

-- Close a lease, once, and queue what was used of it. Unreported tokens count as used.
function Ledger:close(kept)
  local left = self.dict:incr(kept.counter, -CLOSED)
  if not left then return end -- closed by another worker, or evicted
  self.dict:delete(kept.counter)
  if left < -CLOSED * 1.5 then return end -- another worker is closing it
  local used = kept.granted - max(left + CLOSED, 0) - (kept[MINE] or 0)
  kept[MINE] = 0
  local text = ('{"id":"%s","used":%d%s,%s'):format(kept.lease, max(used - kept.spare, 0), self:slices(kept, used), kept.holder:sub(2))
  local length = self.dict:rpush(self.report_list, text)
  if not length then
    self:count "dropped"
  elseif length > MOST_REPORTS then
    self.dict:lpop(self.report_list)
    self:count "dropped"
  end
end

-- `,"slices":[[second, requests], ...]` of a closed lease, from what was used when each slice began; "" if nothing was.
function Ledger:slices(kept, used)
  local found = ""
  local last = min(floor((ngx.now() - kept.begun) / kept.width), SLICES + 1) -- no later one can be there
  if last < (kept.slice or 0) then last = SLICES + 1 end -- but by a clock that was set back
  for slice = last, 0, -1 do
    local key = "u" .. kept.lease .. "." .. slice
    local before = self.dict:get(key)
    if before then
      if used > before then found = (",[%d,%d]"):format(kept.begun + slice * kept.width, used - before) .. found end
      used = min(used, before)
      self.dict:delete(key)
    end
  end
  return found ~= "" and ',"slices":[' .. found:sub(2) .. "]" or ""
end

local function opened(text)
  local id, granted, spare, begun, width, holder = text:match "^(.-)\n(.-)\n(.-)\n(.-)\n(.-)\n(.-)$"
  return {
    lease = id, counter = "t" .. id, granted = tonumber(granted), spare = tonumber(spare),
    begun = tonumber(begun), width = tonumber(width), holder = holder,
  }
end

-- Close the leases that ended before this second.
function Ledger:close_ended(now)
  local last = min(self.dict:get(self.open_list) or math.huge, floor(now) - 1) -- a second to come is one of another clock
  for second = max(last + 1, floor(now) - SECONDS_A_SWEEP), floor(now) do
    local text = self.dict:lpop(self.open_list .. second)
    while text do
      self:close(opened(text))
      text = self.dict:lpop(self.open_list .. second)
    end
    self.dict:set(self.open_list, second)
  end
end

-- Up to `most` reports, as JSON, the oldest first.
function Ledger:pop(most)
  local found = {}
  for i = 1, most do
    found[i] = self.dict:lpop(self.report_list)
    if not found[i] then break end
  end
  return found
end

function Ledger:push_back(reports)
  for i = #reports, 1, -1 do
    if not self.dict:lpush(self.report_list, reports[i]) then self:count "dropped" end
  end
end

return M
