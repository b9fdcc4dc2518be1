-- What changed, for replicas with copies. The scripts that change something begin with this.
--
-- A sorted set has each changed thing once, by the number of its last change, so a reader that knows a number asks for
-- what is above it. Only the newest MOST are kept; a replica further behind than `floor` reads everything again.

local MOST = 50000

-- changes: the sorted set; clock: a hash of the last number and of the floor
local function note(changes, clock, what)
  local number = redis.call('HINCRBY', clock, 'number', 1)
  redis.call('ZADD', changes, number, what)
  local over = redis.call('ZCARD', changes) - MOST
  if over > 0 then
    local last = redis.call('ZRANGE', changes, over - 1, over - 1, 'WITHSCORES')
    redis.call('HSET', clock, 'floor', last[2])
    redis.call('ZREMRANGEBYRANK', changes, 0, over - 1)
  end
  return number
end
