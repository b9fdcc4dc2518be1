-- What is kept of accounts, and of the owners of keys.
--
-- KEYS: owners, then accounts. ARGV: keyed hashes of keys. Answers {number, facts, outcomes} of every account,
-- then {name, number, facts, outcomes} of every key's owner; {false} where no account owns it. number: that of
-- the account's last change.

local tenant = string.match(KEYS[1], '^hc%d+:{[^}]*}:')
local function is_ours(key)
  return type(key) == 'string' and string.sub(key, 1, #tenant) == tenant
end

local answer = {}
local function kept(key)
  local found = redis.call('HMGET', key, 'n', 'f', 'o')
  return {whole_of(found[1]), found[2], found[3]}
end
for i = 2, #KEYS do
  answer[#answer + 1] = kept(KEYS[i])
end
for _, digest in ipairs(ARGV) do
  local owner = redis.call('HGET', KEYS[1], digest)
  local named = cmsgpack.unpack(owner or '')
  if is_ours(named[2]) and type(named[1]) == 'string' then
    local found = kept(named[2])
    table.insert(found, 1, named[1])
    answer[#answer + 1] = found
  else
    if owner then
      damage(KEYS[1])
      redis.call('HDEL', KEYS[1], digest)
    end
    answer[#answer + 1] = {false}
  end
end
return answer
