-- Put or delete one document, if the version that is there is the one expected.
--
-- KEYS: documents of the kind, changes, clock. ARGV: id, expected version (-1: any), what to note, body (absent: delete).
-- Answers {new version, number of the change}; {-1} for another version; {0} for nothing to delete.

local kept = redis.call('HGET', KEYS[1], ARGV[1])
local version = kept and struct.unpack('<d', kept) or 0
local expected = tonumber(ARGV[2])
if expected >= 0 and expected ~= version then return {-1} end
if ARGV[4] then
  redis.call('HSET', KEYS[1], ARGV[1], struct.pack('<d', version + 1) .. ARGV[4])
  return {version + 1, note(KEYS[2], KEYS[3], ARGV[3])}
end
if not kept then return {0} end
redis.call('HDEL', KEYS[1], ARGV[1])
return {1, note(KEYS[2], KEYS[3], ARGV[3])}
