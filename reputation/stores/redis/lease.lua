-- The leadership lease: take it if it is free and wanted, renew it if it is ours. And which links are in force.
--
-- KEYS: lease, links. ARGV: replica, milliseconds that the lease lasts, 1 if it is wanted, seconds until what nobody
-- touches is gone. Answers {who holds it, as "replica term", or an empty string; version of the links, 0 for none}.

local LONGEST = 600 * 1000 -- of a lease; one that would outlive its replica is no replica's

local holder = redis.call('GET', KEYS[1])
local left = holder and redis.call('PTTL', KEYS[1]) or 0
if holder and (left < 0 or left > LONGEST or not string.find(holder, '^%S+ %d+$')) then
  damage(KEYS[1])
  redis.call('DEL', KEYS[1])
  holder = false
end
local version = redis.call('HGET', KEYS[2], 'version') or '0'
if not string.find(version, '^%d+$') or #version > 16 then
  damage(KEYS[2])
  redis.call('DEL', KEYS[2])
end
if holder then
  if string.sub(holder, 1, #ARGV[1] + 1) == ARGV[1] .. ' ' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
elseif ARGV[3] == '1' then
  holder = ARGV[1] .. ' ' .. string.format('%.0f', redis.call('HINCRBY', KEYS[2], 'term', 1))
  redis.call('SET', KEYS[1], holder, 'PX', ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return {holder or '', redis.call('HGET', KEYS[2], 'version') or '0'}
