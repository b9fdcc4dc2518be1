-- Keep a batch of stops: reputation/state/stops.py in Lua.
--
-- KEYS[1], KEYS[2]  sorted sets of the tenant's stops: of known accounts, of strangers
-- KEYS[3…]          for each stop its own key, and the sorted set of its account
-- ARGV[1…4]         milliseconds to keep, stops of the tenant, of an account at most, one in how many a stranger's may be
-- ARGV[5…]          for each stop: 1 or 2 (the set), seconds since 1970, body
--
-- Members are the stops' keys. Returns how many are gone before their time.

local keep, most, an_account, strangers = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local gone = 0
local MOST_DROPPED = 1000 -- in one call, which holds Redis: a bound that was lowered is reached in a few

local function drop(set)
  local popped = redis.call('ZPOPMIN', set)
  if not popped[1] then return false end
  redis.call('ZREM', KEYS[1], popped[1])
  redis.call('ZREM', KEYS[2], popped[1])
  gone = gone + redis.call('DEL', popped[1])
  return true
end

for i = 0, (#KEYS - 2) / 2 - 1 do
  local key, account = KEYS[3 + 2 * i], KEYS[4 + 2 * i]
  local set, at, body = KEYS[tonumber(ARGV[5 + 3 * i])], ARGV[6 + 3 * i], ARGV[7 + 3 * i]
  if redis.call('SET', key, body, 'PX', keep, 'NX') then
    redis.call('ZADD', set, at, key)
    redis.call('ZADD', account, at, key)
    redis.call('PEXPIRE', account, keep)
    while redis.call('ZCARD', account) > an_account do drop(account) end
  end
end

local time = redis.call('TIME')
local oldest = '(' .. string.format('%.3f', tonumber(time[1]) - keep / 1000)
for i = 1, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', oldest)
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('PEXPIRE', KEYS[i], keep) end
end
for _ = 1, MOST_DROPPED do
  local known, unknown = redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2])
  if known + unknown <= most then break end
  drop((known == 0 or unknown * strangers > most) and KEYS[2] or KEYS[1])
end
return gone
