-- Keep what billing says of an account, in the place of what it said before; or forget it.
--
-- KEYS: account, owners, changes, clock. ARGV: name, what to note, seconds that marks alone are kept, and then the
-- facts and the keyed hashes of its keys; nothing more: forget. Answers the number of the change; 0 if nothing was
-- there to forget; minus the place of the first key that somebody else owns, if there is one, and changes nothing.

local SIZE = 16  -- bytes of a keyed hash

local name = ARGV[1]
for i = 5, #ARGV do
  local owner = redis.call('HGET', KEYS[2], ARGV[i])
  if owner and cmsgpack.unpack(owner)[1] ~= name then return 4 - i end
end
local known = redis.call('HEXISTS', KEYS[1], 'f') == 1
local keys = redis.call('HGET', KEYS[1], 'k') or ''
for i = 1, #keys, SIZE do
  local digest = keys:sub(i, i + SIZE - 1)
  redis.call('HDEL', KEYS[2], digest)
  note(KEYS[3], KEYS[4], 'k:' .. digest)
end
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'f', ARGV[4], 'k', table.concat(ARGV, '', 5))
  redis.call('PERSIST', KEYS[1])
  for i = 5, #ARGV do
    redis.call('HSET', KEYS[2], ARGV[i], cmsgpack.pack({name, KEYS[1]}))
    note(KEYS[3], KEYS[4], 'k:' .. ARGV[i])
  end
else
  if not known then return 0 end
  redis.call('HDEL', KEYS[1], 'f', 'k')
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return note(KEYS[3], KEYS[4], ARGV[2])
