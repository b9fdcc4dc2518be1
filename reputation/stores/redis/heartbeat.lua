-- A replica's sign of life, and what changed since it asked last.
--
-- KEYS: replicas, changes, clock. ARGV: this replica, seconds until it is given up, number of the last change it knows,
-- how many changes it takes at once. Answers {live replicas, last number, floor, and what changed with
-- the number of each change}.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.17g', now - tonumber(ARGV[2])))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. string.format('%.17g', now + tonumber(ARGV[2])), '+inf') -- the clock was set back
redis.call('EXPIRE', KEYS[1], 3600)

local clock = redis.call('HMGET', KEYS[3], 'number', 'floor')
local number, floor = tonumber(clock[1] or 0), tonumber(clock[2] or 0)
local function is_whole(value) return value and value >= 0 and value < 2 ^ 53 and value == math.floor(value) end
if not is_whole(number) or not is_whole(floor) or floor > number then -- all replicas read everything again
  damage(KEYS[3])
  redis.call('DEL', KEYS[3])
  number, floor = 0, 0
end
if redis.call('ZREMRANGEBYSCORE', KEYS[2], '(' .. string.format('%.17g', number), '+inf') > 0 then damage(KEYS[2]) end
local answer = {redis.call('ZCARD', KEYS[1]), number, floor}
local changed = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for _, part in ipairs(changed) do answer[#answer + 1] = part end
if #changed > 0 then answer[2] = tonumber(changed[#changed]) end
return answer
