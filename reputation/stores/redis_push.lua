-- Keep what billing says of an account, in the place of what it said before; or forget it.
--
-- KEYS: account, owners, changes, clock. ARGV: name, what to note, seconds that marks alone are kept, and then the
-- facts and the keyed hashes of its keys; nothing more: forget. Answers the number of the change; 0 if nothing was
-- there to forget; minus the place of the first key that somebody else owns, if there is one, and changes nothing.

local name = ARGV[1]
for i = 5, #ARGV do
  local owner = redis.call('HGET', KEYS[2], ARGV[i])
  if owner and cmsgpack.unpack(owner)[1] ~= name then return 4 - i end
end
local before = redis.call('HGET', KEYS[1], 'f')
if before then
  for _, digest in ipairs(cmsgpack.unpack(before)[6] or {}) do
    redis.call('HDEL', KEYS[2], digest)
    note(KEYS[3], KEYS[4], 'k:' .. digest)
  end
end
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'f', ARGV[4])
  redis.call('PERSIST', KEYS[1])
  for i = 5, #ARGV do
    redis.call('HSET', KEYS[2], ARGV[i], cmsgpack.pack({name, KEYS[1]}))
    note(KEYS[3], KEYS[4], 'k:' .. ARGV[i])
  end
else
  if not before then return 0 end
  redis.call('HDEL', KEYS[1], 'f')
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return note(KEYS[3], KEYS[4], ARGV[2])
