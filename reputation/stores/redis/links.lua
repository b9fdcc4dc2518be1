-- Put links in force whose parts have been sent, if the replica that made them is still the linker host, and they follow
-- from those that are in force.
--
-- KEYS: lease, links, deltas, notes, rulings, parts that were sent, parts of the links before. ARGV: the holder, the
-- version before, the delta (empty: too large), entries of notes and of rulings up to which the state goes, name of the
-- parts, how many are links, how many are state, seconds until unused data is gone.
-- Answers the new version as text; an empty string if nothing changed.
--
-- Versions are times in milliseconds, so that none is ever used twice, whatever a failover forgets.

local DELTAS, LEAVE = 8, 60

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return '' end
if (redis.call('HGET', KEYS[2], 'version') or '0') ~= ARGV[2] then return '' end
local parts = tonumber(ARGV[7]) + tonumber(ARGV[8])
for i = 6, 5 + parts do
  if redis.call('EXPIRE', KEYS[i], ARGV[9]) == 0 then return '' end
end
for i = 6 + parts, #KEYS do redis.call('EXPIRE', KEYS[i], LEAVE) end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local version = string.format('%.0f', math.max(now, tonumber(ARGV[2]) + 1))
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
if last and tonumber(string.match(last[1], '^%d+')) >= tonumber(version) then redis.call('DEL', KEYS[3]) end
redis.call('XADD', KEYS[3], 'MAXLEN', DELTAS, version .. '-0', 'before', ARGV[2], 'delta', ARGV[3])
redis.call('HSET', KEYS[2], 'version', version, 'name', ARGV[6], 'links', ARGV[7], 'state', ARGV[8])
for i = 2, 3 do redis.call('EXPIRE', KEYS[i], ARGV[9]) end
for i = 4, 5 do -- XTRIM by an id is Redis 6.2's
  repeat
    local covered = redis.call('XRANGE', KEYS[i], '-', ARGV[i], 'COUNT', 20)
    for _, entry in ipairs(covered) do redis.call('XDEL', KEYS[i], entry[1]) end
  until #covered == 0
end
return version
