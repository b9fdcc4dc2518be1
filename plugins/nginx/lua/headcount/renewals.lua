-- Leases to renew in the background, gathered by each worker: one message for many of them.

local min = math.min

local Renewals = {}
Renewals.__index = Renewals

local M = {}

M.WAIT = 0.05 -- seconds for which renewals are gathered
M.MOST_AT_ONCE = 64 -- in one message; a larger one would keep Headcount's other callers waiting
local MOST_WAITING = 4096
local MOST_TIMERS = 16 -- of a worker at once; nginx runs 256

-- send: a function that renews a list of leases.
function M.new(send) return setmetatable({ send = send, waiting = {}, timers = 0, due = false }, Renewals) end

-- Renew a lease within WAIT, or without waiting. False if too many wait.
function Renewals:add(lease, hurry)
  if #self.waiting >= MOST_WAITING then return false end
  self.waiting[#self.waiting + 1] = lease
  if hurry then
    self:start(0)
  elseif not self.due then
    self.due = self:start(M.WAIT)
  end
  return true
end

function Renewals:start(delay)
  if self.timers >= MOST_TIMERS then return false end
  self.timers = self.timers + 1
  local ok = ngx.timer.at(delay, function(premature)
    if delay > 0 then self.due = false end
    local done, why = pcall(self.drain, self, premature)
    self.timers = self.timers - 1 -- whatever happened, or some errors would end all renewals
    if not done then ngx.log(ngx.ERR, "headcount could not renew leases: ", why) end
  end)
  if not ok then self.timers = self.timers - 1 end
  return ok
end

function Renewals:drain(premature)
  while not premature and self.waiting[1] do -- premature: this worker ends, and another one goes on with its leases
    local waiting, batch, rest = self.waiting, {}, {}
    for i = 1, min(#waiting, M.MOST_AT_ONCE) do batch[i] = waiting[i] end
    for i = #batch + 1, #waiting do rest[#rest + 1] = waiting[i] end
    self.waiting = rest
    self.send(batch)
  end
end

return M
