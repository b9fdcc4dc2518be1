-- Carry out a transaction: all of it, or nothing.
--
-- KEYS: account, owners, changes, clock, and then one hash of documents for each document.
-- ARGV: account (empty: none), what to note, seconds that outcomes alone are kept, the number of the account's last
-- change that this was made from (-1: nothing of it changes), what becomes of the facts ('keep', 'put', 'forget'),
-- facts, keyed hashes of its keys in one string, outcomes, the server's time after which no caller waits for this,
-- and then for each document: id, expected version (-1: any), what to note, 'put' or 'delete', body.
-- Answers {'done', what is kept of the account, versions of the documents}, or, with nothing changed, {'moved', what is
-- kept}, {'taken', place of the key}, {'stale', place of the document}, {'late'}. What is kept: {number, facts, outcomes}.

local ORDER = ':order'  -- an index of documents by id; `page.lua` makes it
local SIZE = 16  -- bytes of a keyed hash
local MOST_KEYS = 100000

local FIRST = 10  -- place of the first document's words
local name, expected, what, digests = ARGV[1], ARGV[4], ARGV[5], ARGV[7]

local function kept()
  local found = redis.call('HMGET', KEYS[1], 'n', 'f', 'o')
  return {whole_of(found[1]), found[2], found[3]}
end

local time = redis.call('TIME')
if tonumber(time[1]) + tonumber(time[2]) / 1000000 > tonumber(ARGV[9]) then return {'late'} end
if name ~= '' then
  if expected ~= '-1' and whole_of(redis.call('HGET', KEYS[1], 'n')) ~= tonumber(expected) then return {'moved', kept()} end
  for i = 1, #digests, SIZE do
    local owner = redis.call('HGET', KEYS[2], digests:sub(i, i + SIZE - 1))
    local owned_by = owner and cmsgpack.unpack(owner)[1]
    if type(owned_by) == 'string' and owned_by ~= name then return {'taken', (i - 1) / SIZE} end
  end
end
local versions = {}
for i = FIRST, #ARGV, 5 do
  local place = (i - FIRST) / 5
  local found = redis.call('HGET', KEYS[5 + place], ARGV[i])
  local version = version_of(found)
  local wanted = tonumber(ARGV[i + 1])
  if wanted >= 0 and wanted ~= version then return {'stale', place} end
  versions[place + 1] = version
end

for i = FIRST, #ARGV, 5 do
  local place = (i - FIRST) / 5
  local documents, version = KEYS[5 + place], versions[place + 1]
  if ARGV[i + 3] == 'put' then
    version = version + 1
    redis.call('HSET', documents, ARGV[i], struct.pack('<d', version) .. ARGV[i + 4])
    if redis.call('EXISTS', documents .. ORDER) == 1 then redis.call('ZADD', documents .. ORDER, 0, ARGV[i]) end
    note(KEYS[3], KEYS[4], ARGV[i + 2])
  elseif version > 0 then
    redis.call('HDEL', documents, ARGV[i])
    redis.call('ZREM', documents .. ORDER, ARGV[i])
    note(KEYS[3], KEYS[4], ARGV[i + 2])
  end
  versions[place + 1] = version
end
if name == '' then return {'done', {0, false, false}, versions} end

if what ~= 'keep' then
  local keys = redis.call('HGET', KEYS[1], 'k') or ''
  if #keys % SIZE > 0 or #keys > MOST_KEYS * SIZE then
    damage(KEYS[1])
    keys = ''
  end
  if what == 'forget' or keys ~= digests then
    for i = 1, #keys, SIZE do
      local digest = keys:sub(i, i + SIZE - 1)
      redis.call('HDEL', KEYS[2], digest)
      note(KEYS[3], KEYS[4], 'k:' .. digest)
    end
  end
  if what == 'forget' then
    redis.call('HDEL', KEYS[1], 'f', 'k')
  else
    redis.call('HSET', KEYS[1], 'f', ARGV[6], 'k', digests)
    for i = 1, #digests, SIZE do
      local digest = digests:sub(i, i + SIZE - 1)
      redis.call('HSET', KEYS[2], digest, cmsgpack.pack({name, KEYS[1]}))
      if keys ~= digests then note(KEYS[3], KEYS[4], 'k:' .. digest) end
    end
  end
end
if expected ~= '-1' then
  if ARGV[8] == '' then redis.call('HDEL', KEYS[1], 'o') else redis.call('HSET', KEYS[1], 'o', ARGV[8]) end
end
redis.call('HSET', KEYS[1], 'n', note(KEYS[3], KEYS[4], ARGV[2]))
if redis.call('HEXISTS', KEYS[1], 'f') == 1 then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {'done', kept(), versions}
